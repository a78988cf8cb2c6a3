import type { Dispatcher } from 'undici'
import { HearthError } from '../errors.js'
import type { BlobSource } from '../oci/blob-source.js'
import type { TransportOptions } from '../transport.js'
import { checkContentRange } from './content-range.js'
import { statusError } from './error-body.js'
import { Watchdog } from './http-watchdog.js'
import { InterimAnswers } from './interim.js'
import { networkError } from './network-error.js'
import { type Hop, isRedirect } from './redirect.js'
import type { Where } from './where.js'

export interface BlobRequest {
  readonly source: BlobSource
  /** First byte wanted, and the one after the last. A body that does not run from here to there is refused. */
  readonly from: number
  readonly to: number
  /** Bytes of the whole blob. */
  readonly size: number
  /** Asks caches on the way for a new copy: what they gave before was wrong. */
  readonly fresh: boolean
  readonly limits: Pick<TransportOptions, 'progressWindowMs' | 'minBytesPerSecond'>
  readonly signal: AbortSignal
}

/** Receives the body. Both calls may throw a HearthError: that ends the request with the same error. */
export interface BlobSink {
  /** Before the first byte: where it belongs. 0 although `from` was asked for when the server ignored the Range. */
  start(offset: number): void
  /**
   * The bytes are valid only until it returns: their memory is used for the next read.
   * @returns false when no more are wanted: the request then ends well.
   */
  chunk(bytes: Uint8Array): boolean
}

/** Whether less than the whole blob is wanted. */
export function isPart({ from, to, size }: Pick<BlobRequest, 'from' | 'to' | 'size'>): boolean {
  return from > 0 || to < size
}

type Headers = Readonly<Record<string, string | string[] | undefined>>

/** What the answer to one request amounts to. */
type Answer =
  | { readonly kind: 'complete' }
  | { readonly kind: 'redirect'; readonly status: number; readonly location: string | undefined }

interface Refused {
  readonly status: number
  readonly headers: Headers
  readonly body: Uint8Array[]
}

/** Read of an answer that is not the blob: enough for the registry's error text, and to use its connection again. */
const MAX_OTHER_BYTES = 64 * 1024

/** One request for a blob and its answer, which may be a redirect to the next. */
export class BlobExchange {
  readonly #request: BlobRequest
  readonly #sink: BlobSink
  readonly #hop: Hop
  /** In error details: `host` is the registry, whose lane this is; `target` where it sent us. */
  readonly #where: Where & { readonly target?: string }
  /** In error messages: who answers this request. */
  readonly #peer: string
  readonly #interim: InterimAnswers
  #controller: Dispatcher.DispatchController | undefined
  #watchdog: Watchdog | undefined
  /** Bytes of the blob still to come. */
  #remaining = 0
  #refused: Refused | undefined
  #answer: Answer = { kind: 'complete' }
  /** Received of a body that is not the blob. */
  #otherBytes = 0
  /** The answer is known, and the rest of its body is of no use. */
  #enough = false

  constructor(request: BlobRequest, sink: BlobSink, hop: Hop) {
    this.#request = request
    this.#sink = sink
    this.#hop = hop
    this.#peer = hop.foreign ? hop.url.host : request.source.host
    this.#interim = new InterimAnswers({ host: this.#peer, step: 'blob' })
    this.#where = { host: request.source.host, step: 'blob', ...(hop.foreign && { target: hop.url.host }) }
  }

  async run(dispatcher: Dispatcher): Promise<Answer> {
    try {
      await this.#dispatch(dispatcher)
    } catch (error) {
      if (!this.#enough) throw this.#located(networkError(error, { host: this.#peer, step: 'blob' }))
    } finally {
      this.#watchdog?.stop()
    }
    return this.#end()
  }

  async #dispatch(dispatcher: Dispatcher): Promise<void> {
    const { signal } = this.#request
    const { url, headers } = this.#hop
    let stop = (): void => {}
    try {
      await new Promise<void>((resolve, reject) => {
        stop = () => {
          const aborted = new HearthError('ABORTED', 'stopped', { step: 'blob' })
          // Without a controller it has no connection yet. It ends when it gets one; nobody should have to wait for that.
          if (this.#controller === undefined) reject(aborted)
          else this.#controller.abort(aborted)
        }
        if (signal.aborted) return stop()
        signal.addEventListener('abort', stop, { once: true })
        dispatcher.dispatch(
          { origin: url.origin, path: url.pathname + url.search, method: 'GET', headers: { ...headers } },
          this.#handler(resolve, reject, stop),
        )
      })
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  #handler(resolve: () => void, reject: (error: Error) => void, stop: () => void): Dispatcher.DispatchHandler {
    const guard = (work: () => void): void => {
      try {
        work()
      } catch (error) {
        this.#controller?.abort(error as Error)
      }
    }
    return {
      onRequestStart: (started) => {
        this.#controller = started
        if (this.#request.signal.aborted) stop()
      },
      onResponseStart: (_, status, fields) => guard(() => this.#begin(status, fields)),
      onResponseData: (_, chunk) => guard(() => this.#take(chunk)),
      onResponseEnd: () => resolve(),
      onResponseError: (_, error) => reject(error),
    }
  }

  #begin(status: number, headers: Headers): void {
    if (status < 200) {
      this.#interim.add()
      return
    }
    this.#watchdog = new Watchdog(this.#request.limits, () => this.#tooSlow())
    if (isRedirect(status)) {
      const { location } = headers
      this.#answer = { kind: 'redirect', status, location: typeof location === 'string' ? location : undefined }
      return
    }
    if (status !== 200 && status !== 206) {
      this.#refused = { status, headers, body: [] }
      return
    }
    const { from, to, size } = this.#request
    if (status === 206) {
      if (!isPart(this.#request))
        throw new HearthError('RANGE_INVALID', `${this.#peer} sent a part of the blob unasked`, this.#where)
      checkContentRange(headers['content-range'], { offset: from, end: to, size }, this.#where)
    }
    this.#remaining = status === 206 ? to - from : size
    this.#checkLength(headers)
    this.#sink.start(status === 206 ? from : 0)
  }

  #checkLength(headers: Headers): void {
    const announced = headers['content-length']
    if (announced === undefined || Number(announced) === this.#remaining) return
    const { size } = this.#request
    const page = String(headers['content-type'] ?? '').startsWith('text/html')
    throw new HearthError(
      'SIZE_MISMATCH',
      page
        ? `${this.#peer} answered with a web page instead of a blob: is there a captive portal?`
        : `${this.#peer} announces ${announced} bytes where the blob has ${this.#remaining} to come`,
      { ...this.#where, expected: size, actual: String(announced) },
    )
  }

  #take(chunk: Uint8Array): void {
    this.#watchdog?.received(chunk.length)
    if (this.#isOther()) {
      this.#takeOther(chunk)
      return
    }
    this.#remaining -= chunk.length
    if (this.#remaining < 0) {
      const { size } = this.#request
      const details = { ...this.#where, expected: size }
      throw new HearthError('SIZE_MISMATCH', `${this.#peer} sent more than the blob's ${size} bytes`, details)
    }
    if (this.#sink.chunk(chunk)) return
    this.#remaining = 0
    this.#stopReading()
  }

  /** The body is not the blob: an error, or the page beside a redirect. */
  #isOther(): boolean {
    return this.#refused !== undefined || this.#answer.kind === 'redirect'
  }

  #takeOther(chunk: Uint8Array): void {
    this.#otherBytes += chunk.length
    // Copied: the memory is used for the next read.
    if (this.#otherBytes <= MAX_OTHER_BYTES) this.#refused?.body.push(Uint8Array.from(chunk))
    else this.#stopReading()
  }

  /** Ends the connection, not the exchange: what it was asked for is known. */
  #stopReading(): void {
    this.#enough = true
    this.#controller?.abort(new HearthError('CONNECTION_LOST', 'read enough', this.#where))
  }

  #tooSlow(): void {
    if (this.#isOther()) {
      this.#stopReading()
      return
    }
    const { limits } = this.#request
    const message = `${this.#peer} sent less than ${limits.minBytesPerSecond} bytes a second`
    this.#controller?.abort(new HearthError('TIMEOUT', message, this.#where))
  }

  #end(): Answer {
    if (this.#refused !== undefined) throw this.#refusal(this.#refused)
    if (this.#answer.kind === 'complete' && this.#remaining > 0) {
      const details = { ...this.#where, missing: this.#remaining }
      throw new HearthError('CONNECTION_LOST', `${this.#peer} ended ${this.#remaining} bytes early`, details)
    }
    return this.#answer
  }

  #refusal({ status, headers, body }: Refused): HearthError {
    const { authorization: sent } = this.#request.source.headers
    const answer = { status, headers, body: Buffer.concat(body), foreign: this.#hop.foreign, sent, now: Date.now() }
    return this.#located(statusError({ ...answer, host: this.#peer, step: 'blob' }))
  }

  #located({ code, message, details, cause }: HearthError): HearthError {
    return new HearthError(code, message, { ...details, ...this.#where }, cause)
  }
}
