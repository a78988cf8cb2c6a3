import type { Digest } from '../../src/oci/digest.js'
import { contentOf, joinContent, mapContent } from './blob-content.js'
import { type Answer, anAnswer, errorAnswer } from './raw-answer.js'
import type { RawRequest } from './raw-http.js'

export type RequestKind = 'ping' | 'manifest' | 'blob' | 'upload' | 'referrers' | 'tags' | 'token' | 'other'

/** What the server remembers of a request. */
export interface RecordedRequest extends RawRequest {
  readonly kind: RequestKind
  /** The digest in the path, where there is one. */
  readonly digest?: Digest
  /** From 1, in the order in which connections were opened. */
  readonly connection: number
}

/** What a step may know: the request, and the right answer as it would be without a Range header. */
interface StepContext {
  readonly request: RecordedRequest
  readonly whole: () => Answer
}

/** Makes another answer out of the right one. Steps compose: see {@link all}. */
export type Step = (answer: Answer, context: StepContext) => Answer | Promise<Answer>

/** The right answer: for a gap in a script. */
export const normal = (): Step => (answer) => answer

/** One change after another: `all(ignoreRange(), resetAfter(10))`. */
export function all(...steps: readonly Step[]): Step {
  return async (answer, context) => {
    let changed = answer
    for (const step of steps) changed = await step(changed, context)
    return changed
  }
}

/** Bytes in place of the whole response, then FIN. */
export const raw = (bytes: string | Uint8Array): Step => {
  return () => anAnswer({ raw: Buffer.from(bytes as string) })
}

/** Another response altogether. */
export function respond(status: number, headers: Readonly<Record<string, string>> = {}, body = ''): Step {
  return () => anAnswer({ status, headers, body: contentOf(Buffer.from(body)) })
}

/** An error in distribution-spec's JSON. */
export function fail(status: number, code: string, headers: Readonly<Record<string, string>> = {}): Step {
  return () => errorAnswer(status, code, headers)
}

export const unauthorized = (challenge: string): Step => fail(401, 'UNAUTHORIZED', { 'WWW-Authenticate': challenge })

/** `retryAfter`: seconds or an HTTP date. */
export const tooManyRequests = (retryAfter?: string | number): Step =>
  fail(429, 'TOOMANYREQUESTS', retryAfter === undefined ? {} : { 'Retry-After': String(retryAfter) })

export function redirect(target: string | ((request: RecordedRequest) => string), status = 307): Step {
  return (_, { request }) =>
    anAnswer({ status, headers: { Location: typeof target === 'string' ? target : target(request) } })
}

/** Answers only once `until` has resolved: the test holds the other end. */
export function delayed(until: Promise<unknown>): Step {
  return async (answer) => {
    await until
    return answer
  }
}

/** RST after that many bytes of the body. What of them the peer still gets to read is up to its kernel. */
export const resetAfter = (bytes: number): Step => cut(bytes, 'reset')
/** FIN after that many bytes of the body. */
export const finAfter = (bytes: number): Step => cut(bytes, 'fin')
/** Silence after that many bytes of the body, for ever. */
export const hangAfter = (bytes: number): Step => cut(bytes, 'hang')

/** Silence after that many bytes of the body, until the promise resolves; then the rest. */
export function stallAfter(bytes: number, until: Promise<unknown>): Step {
  return (answer) => ({ ...answer, pause: { after: bytes, until } })
}

/** The body in steps of `bytes`, one each `everyMs`. */
export const trickle = (bytes: number, everyMs: number): Step => {
  return (answer) => ({ ...answer, pace: { bytes, everyMs } })
}

/** No response at all: the connection is reset with the request in it. */
export const resetAtOnce = (): Step => () => anAnswer({ raw: new Uint8Array(), end: 'reset' })

/** 200 and everything, as servers without Range do. */
export const ignoreRange = (): Step => {
  return (_, { whole }) => whole()
}

/** Headers set, or left out with `undefined`, whatever their case. */
export function withHeaders(changes: Readonly<Record<string, string | undefined>>): Step {
  const touched = new Set(Object.keys(changes).map((name) => name.toLowerCase()))
  return (answer) => {
    const kept = Object.entries(answer.headers).filter(([name]) => !touched.has(name.toLowerCase()))
    const set = Object.entries(changes).filter((entry): entry is [string, string] => entry[1] !== undefined)
    return { ...answer, headers: Object.fromEntries([...kept, ...set]) }
  }
}

export const contentRange = (text: string | undefined): Step => withHeaders({ 'Content-Range': text })

/** Announces another length than the body has. */
export const contentLength = (bytes: number): Step => withHeaders({ 'Content-Length': String(bytes) })

/** The announced body, and more after it. */
export function surplus(bytes: number): Step {
  return (answer) => ({
    ...answer,
    headers: { ...answer.headers, 'Content-Length': String(answer.body.size) },
    body: joinContent(answer.body, contentOf(Buffer.alloc(bytes, 0x78))),
    end: 'fin',
  })
}

/** The body, too long by `bytes`, and announced so. */
export function longer(bytes: number): Step {
  return (answer) => ({ ...answer, body: joinContent(answer.body, contentOf(Buffer.alloc(bytes, 0x78))) })
}

/** The right length, but the byte at `offset` of the body is another. */
export function wrongByte(offset = 0): Step {
  return (answer) => ({
    ...answer,
    body: mapContent(answer.body, (piece, start) => {
      if (offset < start || offset >= start + piece.length) return piece
      const changed = Uint8Array.from(piece)
      changed[offset - start] = (changed[offset - start] ?? 0) ^ 0xff
      return changed
    }),
  })
}

export const chunked = (): Step => {
  return (answer) => ({ ...answer, framing: 'chunked' })
}

/** HTTP/1.0: no length, the end of the connection is the end of the body. */
export const http10 = (): Step => {
  return (answer) => ({ ...answer, version: '1.0', framing: 'close' })
}

/** A page in place of what was asked for, with status 200: a captive portal. */
export const captivePortal = (): Step => respond(200, { 'Content-Type': 'text/html' }, '<html>Please log in</html>')

function cut(bytes: number, end: 'reset' | 'fin' | 'hang'): Step {
  return (answer) => ({ ...answer, cutAfter: bytes, end })
}
