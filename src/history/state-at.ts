import { HearthError } from '../errors.js'
import type { EventLog } from '../log/event-log.js'
import type { IndexState } from '../log/projection.js'
import { replay } from '../log/replay.js'

/** A position of the log, or a time: then that of the last record which is not later. */
export type Moment = number | Date

export interface StateAt {
  readonly state: IndexState
  /** When its last record was written, ISO 8601; absent at the beginning. */
  readonly at?: string
}

interface ReadOptions {
  readonly signal?: AbortSignal
}

/**
 * What was true at a moment, from the records alone.
 * @throws HearthError POSITION_UNKNOWN for a position that the log has not reached, LOG_CORRUPT.
 */
export async function stateAt(log: EventLog, moment: Moment, options: ReadOptions = {}): Promise<StateAt> {
  const end = typeof moment === 'number' ? moment : await positionAt(log, moment, options)
  const { state, last } = await replay(log.read(0, options), end)
  if (state.head.position !== end) throw unknown(end, state.head.position)
  return { state, ...(last && { at: last.at }) }
}

/** The last position there is now. */
export function lastPosition(log: EventLog, options: ReadOptions = {}): Promise<number> {
  return log.hold(async ({ head }) => head.position, options)
}

/**
 * Clocks jump, the order of records is by position alone: what was written before a time may stand behind what was written
 * after it. So the last record decides that is not later.
 */
async function positionAt(log: EventLog, time: Date, options: ReadOptions): Promise<number> {
  let position = 0
  for await (const recorded of log.read(0, options)) {
    if (Date.parse(recorded.at) <= time.getTime()) position = recorded.position
  }
  return position
}

function unknown(position: number, end: number): HearthError {
  return new HearthError('POSITION_UNKNOWN', `the log ends at ${end}, it has no position ${position}`, {
    position,
    end,
  })
}
