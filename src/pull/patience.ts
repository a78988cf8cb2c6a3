import { isHearthError } from '../errors.js'
import type { Lanes } from './lanes.js'

/**
 * Tells of each failure in turn whether it only was somebody else's turn: the server asked for a pause, and has served
 * others of ours since the last failure. Such an attempt was not fruitless for the job: a server that lets five requests a
 * second pass would else fail whoever is unlucky eight times. It ends, because there is only so much to serve.
 * Where a mirror alone is worth another attempt, that is the server.
 */
export function servedMeanwhile(lanes: Lanes, registry: string): (error: unknown) => boolean {
  const before = new Map<string, number>([[registry, lanes.served(registry)]])
  return (error) => {
    if (!isHearthError(error)) return false
    const { mirror, mirrorRetryAfterMs, retryAfterMs } = error.details
    const byMirror = typeof mirror === 'string' && typeof mirrorRetryAfterMs === 'number'
    const host = byMirror ? mirror : registry
    const served = lanes.served(host)
    const more = served > (before.get(host) ?? 0)
    before.set(host, served)
    return more && (byMirror ? mirrorRetryAfterMs > 0 : typeof retryAfterMs === 'number')
  }
}
