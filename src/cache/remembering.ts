/** What looks at a cache's past, and brings it back. */
import type { CompactOptions, DiffOptions, HistoryOptions, RestoreOptions } from '../call-options.js'
import { HearthError } from '../errors.js'
import type { CompactReport, DiffReport, RestoreReport } from '../history/reports.js'
import type { Moment, StateAt } from '../history/state-at.js'
import type { ListedReference } from '../inventory/reports.js'
import type { EventLog } from '../log/event-log.js'
import type { Recorded } from '../log/events.js'
import type { CacheParts } from './cache-parts.js'

/** Nothing where hearth has never written. */
export async function* historyOf(
  parts: CacheParts,
  options: HistoryOptions,
): AsyncGenerator<Recorded, void, undefined> {
  if (!(await parts.isInitialised())) return
  const { readHistory } = await import('../history/read-history.js')
  const log = await parts.logAsItIs()
  try {
    yield* readHistory(log, options)
  } finally {
    await log.close()
  }
}

/** The references of a moment. @throws HearthError CACHE_MISSING, POSITION_UNKNOWN */
export async function listAt(
  parts: CacheParts,
  moment: Moment,
  options: { readonly signal?: AbortSignal },
): Promise<readonly ListedReference[]> {
  const { listState } = await import('../inventory/list.js')
  const { state } = await withLog(parts, (log) => lookBack(log, moment, options))
  return listState(state)
}

/** @throws HearthError CACHE_MISSING, POSITION_UNKNOWN */
export async function diffIn(parts: CacheParts, from: Moment, { to, signal }: DiffOptions): Promise<DiffReport> {
  const { diffReferences } = await import('../history/diff.js')
  const { lastPosition } = await import('../history/state-at.js')
  const options = { ...(signal && { signal }) }
  return await withLog(parts, async (log) => {
    const before = await lookBack(log, from, options)
    const after = await lookBack(log, to ?? (await lastPosition(log, options)), options)
    const side = ({ state, at }: StateAt) => ({ position: state.head.position, ...(at !== undefined && { at }) })
    const differences = diffReferences(before.state.references, after.state.references)
    return { from: side(before), to: side(after), ...differences }
  })
}

/** Sets references to what they stood for. @throws HearthError CACHE_MISSING, POSITION_UNKNOWN */
export async function restoreIn(
  parts: CacheParts,
  references: readonly string[],
  { at, signal }: RestoreOptions,
): Promise<RestoreReport> {
  const { restoreReferences } = await import('../history/restore.js')
  const { Recorder } = await import('../pull/recorder.js')
  const { Jobs } = await import('../pull/abortable.js')
  const { SingleFlight } = await import('../pull/single-flight.js')
  const { FsLeases } = await import('../blobs/fs-lease.js')
  const options = { ...(signal && { signal }) }
  const { state } = await withLog(parts, (log) => lookBack(log, at, options))
  const { path, blobs, materialise } = parts
  const [log, pool, boot] = [await parts.log(), await parts.pool(), await parts.boot()]
  const { durability } = parts.options
  const recorder = new Recorder({ log, blobs, boot, materialise, durability, now: () => performance.now() })
  const leases = new FsLeases(path)
  const deps = { log, blobs, pool, boot, recorder, leases, jobs: new Jobs(), verifying: new SingleFlight<never>() }
  try {
    const report = await restoreReferences(references, state.references, { deps, ...options })
    await recorder.flush()
    return report
  } finally {
    await leases.release()
  }
}

/** Opening the log checks the chain of its last records: these stay where they are. */
const KEPT_RECORDS = 1000

/** Moves old records to archives. @throws HearthError OPTION_INVALID */
export async function compactIn(
  parts: CacheParts,
  { keep = KEPT_RECORDS, signal }: CompactOptions,
): Promise<CompactReport> {
  if (!Number.isSafeInteger(keep) || keep < 0) {
    throw new HearthError('OPTION_INVALID', 'keep must be a whole number, 0 or more', {
      option: 'keep',
      found: `${keep}`,
    })
  }
  if (!(await parts.isInitialised())) return { records: 0, archives: [] }
  const { openLogAsItIs } = await import('./open-log.js')
  const shared = await parts.log()
  const log = await openLogAsItIs(parts.path, parts.options)
  try {
    const made = await log.compact(keep, { ...(signal && { signal }) })
    const archives = made.map(({ from, through, size }) => ({ from, through, size }))
    // index.json names the record that it accounts for: as after every change, that is the last one.
    if (archives.length > 0) await shared.hold(parts.materialise)
    return { records: archives.reduce((sum, { from, through }) => sum + through - from + 1, 0), archives }
  } finally {
    await log.close()
  }
}

async function lookBack(log: EventLog, moment: Moment, options: { readonly signal?: AbortSignal }): Promise<StateAt> {
  const { stateAt } = await import('../history/state-at.js')
  return await stateAt(log, moment, options)
}

async function withLog<T>(parts: CacheParts, work: (log: EventLog) => Promise<T>): Promise<T> {
  const { path } = parts
  if (!(await parts.isInitialised())) throw new HearthError('CACHE_MISSING', `${path} has no history`, { path })
  const log = await parts.logAsItIs()
  try {
    return await work(log)
  } finally {
    await log.close()
  }
}
