/** What keeps a cache within its bounds: gc, and the pins that it heeds. */

import { NOTHING_SWEPT } from '../blobs/swept.js'
import type { ReclaimOptions } from '../call-options.js'
import type { ReclaimDeps } from '../inventory/reclaim.js'
import type { PinReport, ReclaimReport } from '../inventory/reports.js'
import type { EventLog, HeldLog } from '../log/event-log.js'
import type { CacheParts } from './cache-parts.js'

/** A pull that was stopped is mostly run again within a day, and then goes on where it was. */
const STALE_INGEST_MS = 24 * 60 * 60 * 1000

/** An archive of the log is written in seconds. */
const TORN_MS = 60 * 60 * 1000

const NOTHING: Omit<ReclaimReport, 'dryRun'> = {
  evicted: [],
  removed: {
    evicted: NOTHING_SWEPT,
    unreferenced: NOTHING_SWEPT,
    unknown: NOTHING_SWEPT,
    strays: NOTHING_SWEPT,
    ingests: NOTHING_SWEPT,
  },
  removedBlobs: 0,
  freedBytes: 0,
  keptBlobs: 0,
  keptBytes: 0,
  overBudgetBytes: 0,
}

/** Removes what nothing needs, and what does not fit into the budget. */
export async function reclaimIn(parts: CacheParts, options: ReclaimOptions): Promise<ReclaimReport> {
  const { dryRun = false } = options
  if (!(await parts.isThere())) return { dryRun, ...NOTHING }
  const { FsLeases } = await import('../blobs/fs-lease.js')
  const { reclaim } = await import('../inventory/reclaim.js')
  if (!dryRun) await parts.makeRoom()
  const { pendingEdits } = await import('../materialise/materialise.js')
  const { log, close } = dryRun ? await openToPeek(parts) : await openToChange(parts)
  const { blobs, index, materialise } = parts
  const edits = (held: HeldLog) => pendingEdits(held, index)
  const leases = new FsLeases(parts.path)
  const deps = { log, materialise, edits, leases, blobs, uses: await parts.uses(), now: () => Date.now() }
  try {
    return await reclaim({ ...deps, sweeps: await sweepsOf(parts, dryRun) }, options)
  } finally {
    await close()
  }
}

/** Pins or unpins references. A folder that is no cache is not made one. */
export async function setPinsIn(
  parts: CacheParts,
  references: readonly string[],
  options: { readonly pinned: boolean; readonly signal: AbortSignal },
): Promise<PinReport> {
  const { nothingPinned, setPins } = await import('../inventory/pin.js')
  if (!(await parts.isThere())) return nothingPinned(references)
  return await setPins(references, { log: await parts.log(), materialise: parts.materialise }, options)
}

interface OpenLog {
  readonly log: EventLog
  close(): Promise<void>
}

/** The cache's own log, which is closed with the cache. */
async function openToChange(parts: CacheParts): Promise<OpenLog> {
  return { log: await parts.log(), close: async () => {} }
}

/** Finishes nothing that was interrupted, and makes no cache of another tool's folder: its names are all edits then. */
async function openToPeek(parts: CacheParts): Promise<OpenLog> {
  if (await parts.isInitialised()) {
    const log = await parts.logAsItIs()
    return { log, close: () => log.close() }
  }
  const { MemoryEventLog } = await import('../log/memory-event-log.js')
  const log = new MemoryEventLog()
  return { log, close: () => log.close() }
}

async function sweepsOf({ path }: CacheParts, dryRun: boolean): Promise<ReclaimDeps['sweeps']> {
  const { removeAbandonedIngests } = await import('../blobs/fs-abandoned-ingests.js')
  const { removeStrays } = await import('../blobs/fs-stray-sweep.js')
  const { removeTorn } = await import('../log/fs-archive.js')
  const look = { now: Date.now(), dryRun }
  return {
    ingests: (leased) => removeAbandonedIngests(path, { ...look, unusedForMs: STALE_INGEST_MS, leased }),
    strays: async () => {
      const [strays, torn] = [
        await removeStrays(path, look),
        await removeTorn(path, { ...look, before: look.now - TORN_MS }),
      ]
      return { count: strays.count + torn.count, bytes: strays.bytes + torn.bytes }
    },
  }
}
