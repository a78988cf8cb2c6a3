import { type ErrorCode, HearthError, isHearthError } from '../errors.js'
import type { Descriptor } from '../oci/descriptor.js'
import { askInOrder, type Order } from './ask-in-order.js'
import type { Endpoint } from './mirrors.js'

interface Asking {
  /** Undefined where the mirror has no referrers API. */
  readonly mirror: (endpoint: Endpoint) => Promise<readonly Descriptor[] | undefined>
  readonly registry: (endpoint: Endpoint) => Promise<readonly Descriptor[]>
}

/** With these the registry has not said a word. Anything else is an answer, or shows that one can be had. */
const OUT_OF_REACH: ReadonlySet<ErrorCode> = new Set(['HOST_UNKNOWN', 'CONNECTION_FAILED', 'TIMEOUT', 'TLS_FAILED'])

/**
 * The referrers that a mirror lists, if it lists any; else those of the registry. A mirror that lists none may be one that
 * passes no such question on, so its word counts only where the registry itself is out of reach, as in an air gap. One without
 * the API has no word at all: then the registry's error is the answer, rather than none.
 */
export async function askReferrers(
  endpoints: readonly Endpoint[],
  { mirror, registry }: Asking,
  order: Order,
): Promise<readonly Descriptor[]> {
  let listsNone = false
  const ask = async (endpoint: Endpoint, isMirror: boolean): Promise<readonly Descriptor[]> => {
    if (!isMirror) return await registry(endpoint)
    const listed = await mirror(endpoint)
    if (listed !== undefined && listed.length > 0) return listed
    listsNone ||= listed !== undefined
    const { host } = endpoint
    throw new HearthError('UNSUPPORTED', `${host} lists no referrers`, { host, step: 'referrers' })
  }
  try {
    return await askInOrder(endpoints, ask, order)
  } catch (error) {
    const isFinal = isHearthError(error) && error.details.mirrorRetryAfterMs === undefined
    if (listsNone && isFinal && OUT_OF_REACH.has(error.code)) return []
    throw error
  }
}
