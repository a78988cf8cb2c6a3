import { HearthError } from '../errors.js'
import { quote } from '../oci/quote.js'
import { type HeaderFields, singleHeader } from './header-fields.js'
import { firstHop, nextHop } from './redirect.js'
import type { UploadSession } from './uploads.js'
import type { Where } from './where.js'

/** An upload may be cut into pieces of at least that many bytes; a registry that wants more than this wants no pieces. */
const MAX_PIECE_BYTES = 1024 * 1024 * 1024

/** What was asked, when the answer says how an upload goes on. */
export interface AskedUpload extends Pick<UploadSession, 'registry' | 'repository' | 'foreign'> {
  readonly url: URL
  readonly where: Where
  /** Bytes that the registry has if it took everything; `unknown` when it was asked how many. */
  readonly sent: number | 'unknown'
  readonly minPieceBytes?: number
}

/**
 * How an upload goes on after a 202 or 204: where, which may be elsewhere than at the registry, and from which byte.
 * The address is held to the rules of redirects. RELIABILITY 7.1 C4.
 * @throws HearthError REDIRECT_REFUSED for an address that nothing is sent to, RANGE_INVALID for an impossible range.
 */
export function nextSession(headers: HeaderFields, asked: AskedUpload): UploadSession {
  const { registry, repository, where } = asked
  const location = singleHeader(headers, 'location')
  const { url, foreign } = follow(location, asked)
  const least = Number(singleHeader(headers, 'oci-chunk-min-length') ?? asked.minPieceBytes ?? 0)
  const minPieceBytes = Number.isSafeInteger(least) && least > 0 ? Math.min(least, MAX_PIECE_BYTES) : undefined
  const offset = offsetOf(singleHeader(headers, 'range'), asked.sent, where)
  return { registry, repository, url, foreign, offset, ...(minPieceBytes !== undefined && { minPieceBytes }) }
}

function follow(location: string | undefined, asked: AskedUpload): Pick<UploadSession, 'url' | 'foreign'> {
  // Not every registry repeats the address when a piece was taken.
  if (location === undefined && asked.sent !== 0) return { url: asked.url.href, foreign: asked.foreign }
  const hop = nextHop({ ...firstHop(asked.url, {}, asked.where), foreign: asked.foreign }, 307, location)
  return { url: hop.url.href, foreign: hop.foreign }
}

/**
 *     Range: 0-999
 *
 * Spec: distribution-spec v1.1 "Pushing a blob in chunks". The last byte's place; yet docker-registry says `0-0` of an empty
 * upload, so that one byte and none look alike: none is the one that occurs.
 */
function offsetOf(range: string | undefined, sent: number | 'unknown', where: Where): number {
  if (range === undefined && sent !== 'unknown') return sent
  const [, last] = /^(?:bytes=)?0-(\d{1,15})$/.exec(range ?? '') ?? []
  const has = last === undefined ? Number.NaN : last === '0' && sent !== 1 ? 0 : Number(last) + 1
  if (has <= (sent === 'unknown' ? Number.MAX_SAFE_INTEGER : sent)) return has
  const message = `${where.host} does not say in a credible way how much of an upload it has`
  throw new HearthError('RANGE_INVALID', message, { ...where, expected: sent, actual: quote(range ?? '', 64) })
}
