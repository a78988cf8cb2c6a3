import { HearthError } from '../errors.js'
import type { HeldLog } from './event-log.js'
import type { HearthEvent, Recorded } from './events.js'

/**
 * Runs `work` with the log, and takes it back afterwards: a HeldLog that is kept and used later would read and write
 * without the lock, so every later call fails instead.
 */
export async function lend<T>(log: HeldLog, work: (log: HeldLog) => Promise<T>): Promise<T> {
  let ended = false
  const held = (): HeldLog => {
    if (ended) throw new TypeError('this hold of the log has ended')
    return log
  }
  const lent: HeldLog = {
    get head() {
      return held().head
    },
    append: async (events) => held().append(events),
    blobs: async (digests) => held().blobs(digests),
    allBlobs: async () => held().allBlobs(),
    references: async () => held().references(),
    reference: async (name) => held().reference(name),
    pins: async () => held().pins(),
    archives: async () => held().archives(),
    unfinishedRemovals: async () => held().unfinishedRemovals(),
    flushes: async () => held().flushes(),
    async *read(position) {
      for await (const recorded of held().read(position)) {
        yield recorded
        held()
      }
    },
  }
  try {
    return await work(lent)
  } finally {
    ended = true
  }
}

/** Appends if nothing was appended since `after`. @throws HearthError LOG_CONFLICT otherwise. */
export async function appendAfter(
  log: HeldLog,
  events: readonly HearthEvent[],
  after: number,
): Promise<readonly Recorded[]> {
  const { position } = log.head
  if (position !== after) {
    throw new HearthError('LOG_CONFLICT', `the log is at ${position}, not at ${after}`, { expected: after, position })
  }
  return log.append(events)
}
