import { isHearthError } from '../errors.js'
import type { EventLog } from '../log/event-log.js'
import type { Recorded } from '../log/events.js'
import type { Moment } from './state-at.js'

export interface ReadHistoryOptions {
  /** Only records after this position. */
  readonly after?: number
  /** Only this record or the first one of this time, and what follows. */
  readonly since?: Moment
  /** At the end of the log, wait for more. The signal is the end then, and no failure. */
  readonly follow?: boolean
  readonly signal?: AbortSignal
}

/** The records of a log, oldest first. */
export async function* readHistory(log: EventLog, options: ReadHistoryOptions): AsyncGenerator<Recorded> {
  const { follow = false, signal } = options
  try {
    yield* readOn(log, options)
  } catch (error) {
    if (!follow || !signal?.aborted || !isHearthError(error, 'ABORTED')) throw error
  }
}

async function* readOn(log: EventLog, options: ReadHistoryOptions): AsyncGenerator<Recorded> {
  const { after = 0, since = 0, follow = false, signal } = options
  const withSignal = { ...(signal && { signal }) }
  let position = typeof since === 'number' ? Math.max(after, since - 1) : after
  // Clocks jump: once one record is late enough, all that follow it are.
  let begun = typeof since === 'number'
  for (;;) {
    for await (const recorded of log.read(position, withSignal)) {
      position = recorded.position
      begun ||= Date.parse(recorded.at) >= Number(since)
      if (begun) yield recorded
    }
    if (!follow) return
    await log.changed(position, withSignal)
  }
}
