import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { type ErrorCode, HearthError } from '../errors.js'
import { statusError } from './error-body.js'
import { allHeaders, type HeaderFields, singleHeader } from './header-fields.js'
import type { Transport } from './http-dispatcher.js'
import { Watchdog } from './http-watchdog.js'
import { InterimAnswers } from './interim.js'
import { networkError } from './network-error.js'
import { firstHop, type Hop, isRedirect, nextHop } from './redirect.js'
import { USER_AGENT } from './user-agent.js'
import type { Where } from './where.js'

/** What is sent with a request and does not fit into memory. */
export interface StreamedBody {
  /** Bytes. */
  readonly size: number
  /** From the beginning each time: a request whose credentials were refused is sent again. */
  open(): AsyncIterable<Uint8Array>
}

/** A request whose answer fits into memory: manifests, tokens, tag lists, uploads. */
export interface ExchangeRequest {
  /** Only redirects of what reads are followed: a body may be a secret, or a layer. */
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array | StreamedBody
  readonly where: Where
  /** Bytes of a successful answer, counted as they arrive. */
  readonly maxBytes: number
  /** The error for more than that. */
  readonly tooLarge: ErrorCode
  /** For a first request that already goes elsewhere than to the registry. */
  readonly foreign?: boolean
  /** Throws where a redirect must not lead. */
  readonly checkHop?: (url: URL) => void
  /** For a server that has work to do before it answers. Default: the transport's. */
  readonly headersTimeoutMs?: number
  readonly signal?: AbortSignal
}

export interface Exchanged {
  readonly status: number
  readonly headers: HeaderFields
  /** Whole for a success; what fits into 64 KiB for anything else. */
  readonly body: Uint8Array
  /** The answer came from elsewhere than the request's own origin. */
  readonly foreign: boolean
  /** The Authorization that it was asked with. */
  readonly sent: string | undefined
}

const MAX_ERROR_BYTES = 64 * 1024

/**
 * One request and its redirects; the answer to the last of them, whatever its status.
 * @throws HearthError for everything below HTTP, REDIRECT_REFUSED, TIMEOUT for a body that trickles, PROTOCOL_ERROR for an encoding
 * that was not asked for, and `tooLarge`.
 */
export async function exchange(asked: ExchangeRequest, transport: Transport): Promise<Exchanged> {
  const headers = { 'user-agent': USER_AGENT, 'accept-encoding': 'identity', ...asked.headers }
  let hop = firstHop(asked.url, headers, asked.where)
  for (;;) {
    const answer = await oneHop(asked, hop, transport)
    if ((asked.method !== 'GET' && asked.method !== 'HEAD') || !isRedirect(answer.status)) return answer
    hop = nextHop(hop, answer.status, singleHeader(answer.headers, 'location'))
    asked.checkHop?.(hop.url)
  }
}

/** @throws HearthError by {@link statusError} for any status but 200. */
export function demandOk(answer: Exchanged, where: Where, nowMs: number): Exchanged {
  return demandStatus(answer, [200], { where, nowMs })
}

/** @throws HearthError by {@link statusError} for any other status. */
export function demandStatus(
  answer: Exchanged,
  statuses: readonly number[],
  { where, nowMs }: { readonly where: Where; readonly nowMs: number },
): Exchanged {
  if (statuses.includes(answer.status)) return answer
  throw statusError({ ...answer, ...where, now: nowMs })
}

function isStreamed(body: ExchangeRequest['body']): body is StreamedBody {
  return typeof body === 'object' && 'open' in body
}

function bodyOf(body: NonNullable<ExchangeRequest['body']>): string | Uint8Array | Readable {
  // undici's own types know no iterables, its code does.
  return isStreamed(body) ? (body.open() as unknown as Readable) : body
}

/** undici would send what it cannot measure in chunks, which not every registry takes. */
function lengthOf(body: ExchangeRequest['body']): Readonly<Record<string, string>> {
  return isStreamed(body) ? { 'content-length': `${body.size}` } : {}
}

async function oneHop(asked: ExchangeRequest, hop: Hop, transport: Transport): Promise<Exchanged> {
  const { where, signal } = asked
  const foreign = asked.foreign === true || hop.foreign
  const interim = new InterimAnswers(where)
  try {
    const response = await (foreign ? transport.foreign : transport.home).request({
      origin: hop.url.origin,
      path: hop.url.pathname + hop.url.search,
      method: asked.method,
      headers: { ...hop.headers, ...lengthOf(asked.body) },
      onInfo: () => interim.add(),
      ...(asked.body !== undefined && { body: bodyOf(asked.body) }),
      ...(asked.headersTimeoutMs !== undefined && { headersTimeout: asked.headersTimeoutMs }),
      ...(signal !== undefined && { signal }),
    })
    const body = await readBody(response, asked, transport)
    return { status: response.statusCode, headers: response.headers, body, foreign, sent: asked.headers?.authorization }
  } catch (error) {
    throw networkError(error, { ...where, host: foreign ? hop.url.host : where.host }, signal)
  }
}

async function readBody(
  { body, headers, statusCode }: Dispatcher.ResponseData,
  { method, where, maxBytes, tooLarge }: ExchangeRequest,
  { options }: Transport,
): Promise<Uint8Array> {
  // Destroying what was not read to its end makes the body emit an error, after nobody listens any more.
  body.on('error', () => undefined)
  const isError = statusCode !== 200
  const limit = isError ? MAX_ERROR_BYTES : maxBytes
  let slow = false
  const watchdog = new Watchdog(options, () => {
    slow = true
    body.destroy()
  })
  try {
    if (!isError) refuseEncoding(headers, where)
    const announced = method === 'HEAD' || isError ? 0 : Number(singleHeader(headers, 'content-length') ?? 0)
    if (announced > limit) throw tooMany(tooLarge, where, limit)
    const chunks: Uint8Array[] = []
    let length = 0
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      watchdog.received(chunk.length)
      length += chunk.length
      if (length > limit && isError) break
      if (length > limit) throw tooMany(tooLarge, where, limit)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  } catch (error) {
    if (!slow) throw error
    throw new HearthError('TIMEOUT', `${where.host} sends too slowly`, { ...where, reason: 'SLOW_BODY' }, undefined)
  } finally {
    watchdog.stop()
    // Ends the connection when something is left to read, which then would be read by nobody and hold its place.
    body.destroy()
  }
}

/** undici's request() leaves bodies as they are, so an encoded one would only fail later, as a wrong digest. */
function refuseEncoding(headers: HeaderFields, where: Where): void {
  const encodings = allHeaders(headers, 'content-encoding').filter((value) => value.toLowerCase() !== 'identity')
  if (encodings.length === 0) return
  throw new HearthError('PROTOCOL_ERROR', `${where.host} encoded a body that was asked for as it is`, { ...where })
}

function tooMany(code: ErrorCode, where: Where, limit: number): HearthError {
  return new HearthError(code, `${where.host} answered ${where.step} with more than ${limit} bytes`, {
    ...where,
    expected: limit,
  })
}
