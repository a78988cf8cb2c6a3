import type { Dispatcher } from 'undici'
import { HearthError } from '../errors.js'
import type { BlobSource } from '../oci/blob-source.js'
import type { TransportOptions } from '../transport.js'
import { checkContentRange } from './content-range.js'
import { statusError } from './error-body.js'
import type { Transport } from './http-dispatcher.js'
import { Watchdog } from './http-watchdog.js'
import { networkError } from './network-error.js'
import { firstHop, type Hop, isRedirect, nextHop } from './redirect.js'
import { USER_AGENT } from './user-agent.js'
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

type Headers = Readonly<Record<string, string | string[] | undefined>>

type Answer =
  | { readonly kind: 'complete' }
  | { readonly kind: 'redirect'; readonly status: number; readonly location: string | undefined }

/** Kept of an answer that is not the blob: enough for the registry's error text. */
const ERROR_BODY_BYTES = 64 * 1024

/**
 * Streams one blob, or the rest of it, into a sink: no stream machinery, one synchronous call per read of the socket.
 * Follows redirects by hand. Resolves when the body ended where it had to; whether the bytes are right is the caller's.
 * @throws HearthError RANGE_INVALID when the answer does not fit the range asked for (begin again from zero),
 * SIZE_MISMATCH when it is longer or shorter than the blob by its own account, CONNECTION_LOST when it broke off,
 * TIMEOUT when it stood still or trickled, UNAUTHORIZED (details.challenge), BLOB_UNKNOWN, ABORTED …
 */
export async function requestBlob(transport: Transport, request: BlobRequest, sink: BlobSink): Promise<void> {
  const { source, from, to, size, fresh } = request
  const headers = {
    ...source.headers,
    'accept-encoding': 'identity',
    'user-agent': USER_AGENT,
    ...(isPart(request) && { range: `bytes=${from}-${to < size ? to - 1 : ''}` }),
    ...(fresh && { 'cache-control': 'no-cache' }),
  }
  let hop = firstHop(new URL(source.url), headers, { host: source.host, step: 'blob' })
  for (;;) {
    const answer = await new BlobExchange(request, sink, hop).run(hop.foreign ? transport.foreign : transport.home)
    if (answer.kind === 'complete') return
    hop = nextHop(hop, answer.status, answer.location)
  }
}

/** Whether less than the whole blob is wanted. */
function isPart({ from, to, size }: BlobRequest): boolean {
  return from > 0 || to < size
}

/** One request and its answer. */
class BlobExchange {
  readonly #request: BlobRequest
  readonly #sink: BlobSink
  readonly #hop: Hop
  readonly #watchdog: Watchdog
  #controller: Dispatcher.DispatchController | undefined
  #remaining = 0
  #enough = false
  #refused:
    | { readonly status: number; readonly headers: Headers; readonly body: Uint8Array[]; bytes: number }
    | undefined
  #answer: Answer = { kind: 'complete' }

  constructor(request: BlobRequest, sink: BlobSink, hop: Hop) {
    this.#request = request
    this.#sink = sink
    this.#hop = hop
    this.#watchdog = new Watchdog(request.limits, () => this.#controller?.abort(this.#tooSlow()))
  }

  async run(dispatcher: Dispatcher): Promise<Answer> {
    const { signal } = this.#request
    const stop = (): void => this.#controller?.abort(new HearthError('ABORTED', 'stopped', this.#where))
    signal.addEventListener('abort', stop, { once: true })
    try {
      await this.#dispatch(dispatcher)
      return this.#end()
    } catch (error) {
      if (this.#enough) return { kind: 'complete' }
      throw networkError(error, this.#where, signal)
    } finally {
      this.#watchdog.stop()
      signal.removeEventListener('abort', stop)
    }
  }

  #dispatch(dispatcher: Dispatcher): Promise<void> {
    const { url, headers } = this.#hop
    const request = {
      origin: url.origin,
      path: url.pathname + url.search,
      method: 'GET',
      headers: { ...headers },
    } as const
    return new Promise((resolve, reject) => {
      // A throw in a handler would reach undici's parser; as the reason of an abort it comes back to us.
      const guard = (work: () => void): void => {
        try {
          work()
        } catch (error) {
          this.#controller?.abort(error as Error)
        }
      }
      dispatcher.dispatch(request, {
        onRequestStart: (controller) => {
          this.#controller = controller
          if (this.#request.signal.aborted) controller.abort(new HearthError('ABORTED', 'stopped', this.#where))
        },
        onResponseStart: (_, status, headers) => guard(() => this.#begin(status, headers)),
        onResponseData: (_, chunk) => guard(() => this.#take(chunk)),
        onResponseEnd: () => resolve(),
        onResponseError: (_, error) => reject(error),
      })
    })
  }

  get #where(): Where {
    return this.#hop.where
  }

  #begin(status: number, headers: Headers): void {
    if (status < 200) return
    if (isRedirect(status)) {
      const { location } = headers
      this.#answer = { kind: 'redirect', status, location: typeof location === 'string' ? location : undefined }
      return
    }
    if (status !== 200 && status !== 206) {
      this.#refused = { status, headers, body: [], bytes: 0 }
      return
    }
    const { from, to, size, source } = this.#request
    if (status === 206) {
      if (!isPart(this.#request))
        throw new HearthError('RANGE_INVALID', `${source.host} sent a part of the blob unasked`, this.#where)
      checkContentRange(headers['content-range'], { offset: from, end: to, size }, this.#where)
    }
    this.#remaining = status === 206 ? to - from : size
    this.#checkLength(headers)
    this.#sink.start(status === 206 ? from : 0)
  }

  #checkLength(headers: Headers): void {
    const announced = headers['content-length']
    if (announced === undefined || Number(announced) === this.#remaining) return
    const { size, source } = this.#request
    const page = String(headers['content-type'] ?? '').startsWith('text/html')
    throw new HearthError(
      'SIZE_MISMATCH',
      page
        ? `${source.host} answered with a web page instead of a blob: is there a captive portal?`
        : `${source.host} announces ${announced} bytes where the blob has ${this.#remaining} to come`,
      { ...this.#where, expected: size, actual: String(announced) },
    )
  }

  #take(chunk: Uint8Array): void {
    if (this.#refused !== undefined) {
      if (this.#refused.bytes < ERROR_BODY_BYTES) this.#refused.body.push(Uint8Array.from(chunk))
      this.#refused.bytes += chunk.length
      if (this.#refused.bytes >= ERROR_BODY_BYTES) throw this.#refusal()
      return
    }
    if (this.#answer.kind === 'redirect') return
    this.#watchdog.received(chunk.length)
    this.#remaining -= chunk.length
    if (this.#remaining < 0) {
      const { size, source } = this.#request
      const details = { ...this.#where, expected: size }
      throw new HearthError('SIZE_MISMATCH', `${source.host} sent more than the blob's ${size} bytes`, details)
    }
    if (this.#sink.chunk(chunk)) return
    this.#enough = true
    this.#controller?.abort(new HearthError('ABORTED', 'no more was wanted', this.#where))
  }

  #end(): Answer {
    if (this.#refused !== undefined) throw this.#refusal()
    if (this.#answer.kind === 'complete' && this.#remaining > 0) {
      const details = { ...this.#where, missing: this.#remaining }
      throw new HearthError('CONNECTION_LOST', `${this.#where.host} ended ${this.#remaining} bytes early`, details)
    }
    return this.#answer
  }

  #refusal(): HearthError {
    const { status = 0, headers = {}, body = [] } = this.#refused ?? {}
    const { foreign, where } = this.#hop
    return statusError({ status, headers, body: Buffer.concat(body), ...where, foreign, now: Date.now() })
  }

  #tooSlow(): HearthError {
    const { minBytesPerSecond } = this.#request.limits
    const message = `${this.#where.host} sent less than ${minBytesPerSecond} bytes a second`
    return new HearthError('TIMEOUT', message, this.#where)
  }
}
