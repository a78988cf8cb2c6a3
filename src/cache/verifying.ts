import type { VerifyOptions } from '../api.js'
import { HearthError } from '../errors.js'
import type { RebuildDeps } from '../inventory/rebuild.js'
import type { VerifyReport } from '../inventory/reports.js'
import type { VerifyDeps } from '../inventory/verify.js'
import type { EventLog } from '../log/event-log.js'
import type { CacheParts } from './cache-parts.js'

/** @throws HearthError CACHE_MISSING */
export async function verifyAll(parts: CacheParts, options: VerifyOptions): Promise<VerifyReport> {
  const { verifyAndRebuild, verifyCache } = await import('../inventory/verify.js')
  const { path } = parts
  if (!(await parts.isThere())) throw new HearthError('CACHE_MISSING', `there is no cache in ${path}`, { path })
  const log = (await parts.isInitialised()) ? await parts.logAsItIs() : undefined
  try {
    const deps = await surveyDeps(parts, log)
    if (!options.rebuild || log === undefined) return await verifyCache(deps, options)
    return await verifyAndRebuild(await rebuildDeps(parts, deps), { ...options, openNewLog: () => openNewLog(parts) })
  } finally {
    await log?.close()
  }
}

/** index.json is brought up to it, also where a handle of this process was open all the while. */
async function openNewLog(parts: CacheParts): Promise<EventLog> {
  const log = await parts.log()
  await log.hold(parts.materialise)
  return log
}

async function surveyDeps(parts: CacheParts, log: VerifyDeps['log']): Promise<VerifyDeps> {
  const { blobs, index: indexFile, host } = parts
  return { blobs, indexFile, pool: await parts.pool(), jobs: host.parallelism, ...(log && { log }) }
}

async function rebuildDeps(parts: CacheParts, deps: VerifyDeps): Promise<RebuildDeps> {
  const { LevelEventLog } = await import('../log/level-event-log.js')
  const replaceLog: RebuildDeps['replaceLog'] = (make) => LevelEventLog.replace(parts.path, parts.options, make)
  return { ...deps, boot: await parts.boot(), replaceLog }
}
