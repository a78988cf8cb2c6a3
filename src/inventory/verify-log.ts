import { isHearthError, toFailure } from '../errors.js'
import type { EventLog } from '../log/event-log.js'
import type { Head } from '../log/events.js'
import { type IndexState, withFlushes } from '../log/projection.js'
import { replay } from '../log/replay.js'
import type { VerifyProblem } from './reports.js'

/** The log as it was found: what its records amount to, and what is wrong with it. */
export interface LogFindings {
  /** Undefined when the log cannot be read: nothing in it can be relied on then. */
  readonly state?: IndexState
  /** The same at the positions that were asked for, as far as the log ever was there. */
  readonly states: ReadonlyMap<number, IndexState>
  readonly events: number
  readonly problems: readonly VerifyProblem[]
}

/** What the log keeps ready for its readers. It has to equal the fold of its records. */
interface Lookups extends Omit<IndexState, 'head'> {
  readonly head: Head
}

/**
 * Reads every record, checks the chain, and compares the log's lookups with what its records amount to.
 * @param at positions for whose states the caller has a use.
 */
export async function checkLog(
  log: EventLog,
  { at = [], signal }: { readonly at?: readonly number[]; readonly signal?: AbortSignal },
): Promise<LogFindings> {
  const options = { ...(signal && { signal }) }
  try {
    const lookups = await log.hold(async (held): Promise<Lookups> => {
      const [references, pins, blobs] = [await held.references(), await held.pins(), await held.allBlobs()]
      const [removals, flushes] = [await held.unfinishedRemovals(), await held.flushes()]
      const archives = await held.archives()
      return { references, pins, blobs, removals, flushes, archives, head: held.head }
    }, options)
    // Others go on appending; the lookups were taken at their head.
    const { state, states } = await replay(log.read(0, options), lookups.head.position, new Set(at))
    return {
      state,
      states,
      events: state.head.position,
      problems: differences(state, lookups),
    }
  } catch (error) {
    if (!isHearthError(error, 'LOG_CORRUPT') && !isHearthError(error, 'LOG_FAILED')) throw error
    return { events: 0, states: new Map(), problems: [{ kind: 'log', subject: 'records', failure: toFailure(error) }] }
  }
}

function differences(state: IndexState, lookups: Lookups): VerifyProblem[] {
  const tables = ['references', 'pins', 'blobs', 'removals', 'flushes', 'archives'] as const
  const { flushes } = state
  const blobs = new Map([...state.blobs].map(([digest, blob]) => [digest, withFlushes(blob, flushes)]))
  const expected = { ...state, blobs }
  const differing = tables.filter((table) => canonical(expected[table]) !== canonical(lookups[table]))
  const problems = differing.map((table): VerifyProblem => {
    const message = `the log's ${table} are not what its records amount to`
    return { kind: 'log', subject: table, failure: { code: 'LOG_CORRUPT', message, details: { table } } }
  })
  const sameHead = state.head.position === lookups.head.position && state.head.checksum === lookups.head.checksum
  if (sameHead) return problems
  const details = { expected: lookups.head.position, actual: state.head.position }
  const failure = { code: 'LOG_CORRUPT', message: 'the log ends elsewhere than it says', details } as const
  return [...problems, { kind: 'log', subject: 'head', failure }]
}

/** Databases give back entries in the order of keys, maps in the order of events; fields may be stored in any order. */
function canonical(map: ReadonlyMap<string | number, unknown>): string {
  const entries = [...map].map(([key, value]) => [String(key), value] as const)
  return stable(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}

function stable(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item !== 'object' || item === null || Array.isArray(item)) return item
    return Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}
