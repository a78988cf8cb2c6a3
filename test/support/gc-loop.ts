import { setTimeout as sleep } from 'node:timers/promises'
import { openCache, type ReclaimOptions } from '../../src/index.js'

export interface Collected {
  readonly runs: number
  readonly removedBlobs: number
  readonly evicted: number
}

/** What is asked for in turn: only what nothing needs, everything that is not in use, all but a little. */
const BUDGETS: readonly ReclaimOptions[] = [{}, { keepBytes: 0 }, {}, { keepBytes: 50_000 }]

/**
 * Collects garbage in a cache again and again, as fast as `everyMs` allows, until the signal; this process against all those that
 * use the cache. Rejects when one collection fails, whatever the reason.
 * @param options.aborted asked before each collection, with what there was so far.
 */
export async function collectUntil(
  path: string,
  { aborted }: { aborted(soFar: Collected): boolean },
  everyMs = 100,
): Promise<Collected> {
  const cache = await openCache({ path, env: {} })
  let [runs, removedBlobs, evicted] = [0, 0, 0]
  try {
    while (!aborted({ runs, removedBlobs, evicted })) {
      const report = await cache.reclaim(BUDGETS[runs % BUDGETS.length])
      runs += 1
      removedBlobs += report.removedBlobs
      evicted += report.evicted.length
      await sleep(everyMs)
    }
  } finally {
    await cache.close()
  }
  return { runs, removedBlobs, evicted }
}
