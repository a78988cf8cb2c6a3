import type { Recorded } from './events.js'
import { applyAll, emptyIndex, type IndexState } from './projection.js'

/** Applying records copies the maps once a time: often enough to bound memory, rarely enough to stay O(events). */
const RECORDS_PER_STEP = 10_000

export interface Replayed {
  /** As of the record at the end, or of the last one there is. */
  readonly state: IndexState
  /** The same at the positions that were asked for, as far as the records reach. */
  readonly states: ReadonlyMap<number, IndexState>
  /** The last record that was applied; absent for none. */
  readonly last?: Recorded
}

/**
 * What the records of a log amount to at a position: those behind it are not read.
 * @param records all of them, oldest first.
 * @param at further positions for whose states the caller has a use.
 * @throws HearthError LOG_CORRUPT when a position is missing or the chain is broken.
 */
export async function replay(
  records: AsyncIterable<Recorded>,
  end: number,
  at: ReadonlySet<number> = new Set(),
): Promise<Replayed> {
  const states = new Map<number, IndexState>(at.has(0) ? [[0, emptyIndex]] : [])
  if (end === 0) return { state: emptyIndex, states }
  let state = emptyIndex
  let pending: Recorded[] = []
  let last: Recorded | undefined
  for await (const recorded of records) {
    last = recorded
    pending.push(recorded)
    const isEnd = recorded.position >= end
    const isWanted = at.has(recorded.position)
    if (pending.length < RECORDS_PER_STEP && !isEnd && !isWanted) continue
    state = applyAll(state, pending)
    pending = []
    if (isWanted) states.set(recorded.position, state)
    if (isEnd) break
  }
  return { state: applyAll(state, pending), states, ...(last && { last }) }
}
