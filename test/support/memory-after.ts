import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

/** Collections that are waited for at most. What nobody holds is gone after the second one as a rule. */
const COLLECTIONS = 20

/**
 * Bytes of one kind that are in use when all garbage is gone, or are at most `enough`. One collection does not always do:
 * buffers are given back by other threads, and what a promise held is let go in a later turn.
 */
export async function memoryAfter(kind: keyof NodeJS.MemoryUsage, enough = 0): Promise<number> {
  let used = Number.POSITIVE_INFINITY
  for (let count = 0; count < COLLECTIONS && used > enough; count++) {
    await new Promise((resolve) => setImmediate(resolve))
    collectGarbage()
    used = Math.min(used, process.memoryUsage()[kind])
  }
  return used
}
