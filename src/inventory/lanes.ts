import { HearthError } from '../errors.js'

export interface LaneOptions {
  readonly lanes: number
  readonly signal?: AbortSignal
}

/**
 * Runs `work` for each item, `lanes` of them at a time, in order of the items. The first failure stops the start of new
 * work, and is thrown once what is under way has ended: nothing goes on behind the caller's back.
 * @throws HearthError ABORTED when the signal says so.
 */
export async function inLanes<T>(
  items: Iterable<T>,
  work: (item: T) => Promise<void>,
  { lanes, signal }: LaneOptions,
): Promise<void> {
  const queue = items[Symbol.iterator]()
  let stopped = false
  const lane = async (): Promise<void> => {
    try {
      while (!stopped) {
        throwIfAborted(signal)
        const next = queue.next()
        if (next.done) return
        await work(next.value)
      }
    } catch (error) {
      stopped = true
      throw error
    }
  }
  const ends = await Promise.allSettled(Array.from({ length: lanes }, lane))
  for (const end of ends) if (end.status === 'rejected') throw end.reason
}

/** @throws HearthError ABORTED */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new HearthError('ABORTED', 'stopped on request')
}
