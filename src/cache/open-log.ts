import type { EventLog } from '../log/event-log.js'
import type { LevelEventLog, LevelEventLogOptions } from '../log/level-event-log.js'
import type { ResolvedOptions } from '../options.js'
import type { CacheParts } from './cache-parts.js'

/**
 * For writing: makes the folder a cache if it is none, finishes what a crash interrupted, and takes in what other tools
 * did to index.json since.
 */
export async function openLog({ path, options, blobs, materialise }: CacheParts): Promise<EventLog> {
  const { refuseNetwork } = await import('../materialise/fs-network.js')
  const { openOrInit } = await import('../materialise/fs-init.js')
  const { finishRemovals } = await import('../inventory/finish-removals.js')
  const { FsLeases } = await import('../blobs/fs-lease.js')
  if (!options.allowNetworkFs) await refuseNetwork(path)
  await openOrInit(path, options)
  const log = await openLogAsItIs(path, options)
  try {
    await log.hold(async (held) => {
      await finishRemovals(held, { blobs, leases: new FsLeases(path), materialise })
      await materialise(held)
    })
  } catch (error) {
    await log.close()
    throw error
  }
  return log
}

/** For looking only, also where nothing may be written: LevelDB writes even to open a database. */
export async function openLogToRead(path: string, options: ResolvedOptions): Promise<EventLog> {
  const { logAccess } = await import('../log/fs-access.js')
  const { networkOf } = await import('../materialise/fs-network.js')
  const mayWrite = options.allowNetworkFs || (await networkOf(path)) === undefined
  if (mayWrite && (await logAccess(path)) === 'write') return await openLogAsItIs(path, options)
  const { LevelCopyLog } = await import('../log/level-copy-log.js')
  return new LevelCopyLog(path, logOptions(options))
}

/** With what LevelDB alone can do. Finishes nothing, and assumes that the cache may be written. */
export async function openLogAsItIs(path: string, options: ResolvedOptions): Promise<LevelEventLog> {
  const { LevelEventLog } = await import('../log/level-event-log.js')
  return await LevelEventLog.open(path, logOptions(options))
}

function logOptions({ lockTimeoutMs, onWait }: ResolvedOptions): LevelEventLogOptions {
  return { lockTimeoutMs, onWait: (holder) => onWait({ for: 'log', ...holder }) }
}
