import { isHearthError } from '../errors.js'
import type { Lanes } from './lanes.js'

/**
 * Tells of each failure in turn whether it only was somebody else's turn: the server asked for a pause, and has served
 * others of ours since the last failure. Such an attempt was not fruitless for the job: a server that lets five requests a
 * second pass would else fail whoever is unlucky eight times. It ends, because there is only so much to serve.
 */
export function servedMeanwhile(lanes: Lanes, host: string): (error: unknown) => boolean {
  let before = lanes.served(host)
  return (error) => {
    const served = lanes.served(host)
    const more = served > before
    before = served
    return more && isHearthError(error) && typeof error.details.retryAfterMs === 'number'
  }
}
