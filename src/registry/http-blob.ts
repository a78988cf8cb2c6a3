import type { Dispatcher } from 'undici'
import { HearthError } from '../errors.js'
import type { BlobSource } from '../oci/blob-source.js'
import type { TransportOptions } from '../transport.js'
import { checkContentRange } from './content-range.js'
import { statusError } from './error-body.js'
import type { Transport } from './http-dispatcher.js'
import { networkError } from './network-error.js'
import { firstHop, type Hop, isRedirect, nextHop } from './redirect.js'

export interface BlobRequest {
  readonly source: BlobSource
  /** First byte wanted; the body must run from here to `size`. */
  readonly from: number
  /** Bytes of the whole blob. */
  readonly size: number
  /** Asks caches on the way for a new copy: what they gave before was wrong. */
  readonly fresh: boolean
  readonly limits: Pick<TransportOptions, 'progressWindowMs' | 'minBytesPerSecond'>
  readonly signal: AbortSignal
}

/** Receives the body. Both calls may throw: that ends the request with the same error. */
export interface BlobSink {
  /** Before the first byte: where it belongs. 0 although `from` was asked for when the server ignored the Range. */
  start(offset: number): void
  /** Valid only until it returns: the memory is used for the next read. */
  chunk(bytes: Uint8Array): void
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
  const { source, from, fresh } = request
  const headers = {
    ...source.headers,
    'accept-encoding': 'identity',
    ...(from > 0 && { range: `bytes=${from}-` }),
    ...(fresh && { 'cache-control': 'no-cache' }),
  }
  let hop = firstHop(new URL(source.url), headers, { host: source.host, step: 'blob' })
  for (;;) {
    const answer = await new BlobExchange(request, sink).run(hop.foreign ? transport.foreign : transport.home, hop)
    if (answer.kind === 'complete') return
    hop = nextHop(hop, answer.status, answer.location)
  }
}

/** One request and its answer. */
class BlobExchange {
  readonly #request: BlobRequest
  readonly #sink: BlobSink
  #remaining = 0
  #received = 0
  #receivedAtLastLook = 0
  #refused:
    | { readonly status: number; readonly headers: Headers; readonly body: Uint8Array[]; bytes: number }
    | undefined
  #answer: Answer = { kind: 'complete' }

  constructor(request: BlobRequest, sink: BlobSink) {
    this.#request = request
    this.#sink = sink
  }

  async run(dispatcher: Dispatcher, hop: Hop): Promise<Answer> {
    const { signal, limits, source } = this.#request
    let controller: Dispatcher.DispatchController | undefined
    const stop = (): void => controller?.abort(new HearthError('ABORTED', 'stopped', { step: 'blob' }))
    const watchdog = setInterval(() => this.#look(controller), limits.progressWindowMs)
    signal.addEventListener('abort', stop, { once: true })
    try {
      await new Promise<void>((resolve, reject) => {
        const guard = (work: () => void): void => {
          try {
            work()
          } catch (error) {
            controller?.abort(error as Error)
          }
        }
        dispatcher.dispatch(
          {
            origin: hop.url.origin,
            path: hop.url.pathname + hop.url.search,
            method: 'GET',
            headers: { ...hop.headers },
          },
          {
            onRequestStart: (started) => {
              controller = started
              if (signal.aborted) stop()
            },
            onResponseStart: (_, status, headers) => guard(() => this.#begin(status, headers)),
            onResponseData: (_, chunk) => guard(() => this.#take(chunk)),
            onResponseEnd: () => resolve(),
            onResponseError: (_, error) => reject(error),
          },
        )
      })
      return this.#end()
    } catch (error) {
      throw networkError(error, { host: source.host, step: 'blob' })
    } finally {
      clearInterval(watchdog)
      signal.removeEventListener('abort', stop)
    }
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
    const { from, size, source } = this.#request
    const where = { host: source.host, step: 'blob' } as const
    if (status === 206) {
      if (from === 0) throw new HearthError('RANGE_INVALID', `${source.host} sent a part of the blob unasked`, where)
      checkContentRange(headers['content-range'], { offset: from, end: size, size }, where)
    }
    const start = status === 206 ? from : 0
    this.#remaining = size - start
    this.#checkLength(headers)
    this.#sink.start(start)
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
      { host: source.host, step: 'blob', expected: size, actual: String(announced) },
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
    this.#received += chunk.length
    this.#remaining -= chunk.length
    if (this.#remaining < 0) {
      const { size, source } = this.#request
      const where = { host: source.host, step: 'blob', expected: size }
      throw new HearthError('SIZE_MISMATCH', `${source.host} sent more than the blob's ${size} bytes`, where)
    }
    this.#sink.chunk(chunk)
  }

  #end(): Answer {
    if (this.#refused !== undefined) throw this.#refusal()
    if (this.#answer.kind === 'complete' && this.#remaining > 0) {
      const { source } = this.#request
      const where = { host: source.host, step: 'blob', missing: this.#remaining }
      throw new HearthError('CONNECTION_LOST', `${source.host} ended ${this.#remaining} bytes early`, where)
    }
    return this.#answer
  }

  #refusal(): HearthError {
    const { status = 0, headers = {}, body = [] } = this.#refused ?? {}
    const { host } = this.#request.source
    return statusError({ status, headers, body: Buffer.concat(body), host, step: 'blob', now: Date.now() })
  }

  /** Once per window: a peer that keeps sending a little never trips the idle limit, so the average is watched as well. */
  #look(controller: Dispatcher.DispatchController | undefined): void {
    const { limits, source } = this.#request
    const least = (limits.minBytesPerSecond * limits.progressWindowMs) / 1000
    if (this.#received > 0 && this.#received - this.#receivedAtLastLook < least) {
      const where = { host: source.host, step: 'blob' } as const
      controller?.abort(
        new HearthError('TIMEOUT', `${source.host} sent less than ${limits.minBytesPerSecond} bytes a second`, where),
      )
    }
    this.#receivedAtLastLook = this.#received
  }
}
