import type { Extents } from '../src/blobs/checkpoint.js'
import { Pace } from '../src/blobs/pace.js'
import { LEAST_SEGMENT_BYTES, type Segment, Segments } from '../src/blobs/segments.js'
import { HearthError, isHearthError } from '../src/errors.js'
import type { BlobSource } from '../src/oci/blob-source.js'
import { requestBlob } from '../src/registry/http-blob.js'
import type { Transport } from '../src/registry/http-dispatcher.js'

/** Long enough for a connection to show its pace, short enough to lose little to a slow one. */
const PACE_EVERY_MS = 400

export interface TransferOptions {
  readonly source: BlobSource
  /** Bytes of the whole blob. */
  readonly size: number
  /** What is on disk already. */
  readonly present: Extents
  readonly fresh: boolean
  /** Connections at most; 1 when the server's ranges are not to be trusted. */
  readonly connections: number
  readonly transport: Transport
  readonly signal: AbortSignal
}

export interface TransferSink {
  /** The server ignored the range: what comes begins at zero, and what was there is void. */
  startOver(): void
  write(offset: number, bytes: Uint8Array): void
}

/**
 * Brings the missing bytes of one blob, over one connection or, when that is slow, over several: all in this thread, each
 * with a part of its own. The first failure ends all of them; what they brought stays.
 * @throws what `requestBlob` throws; RANGE_INVALID when a server's ranges cannot be relied on: then begin again with one.
 */
export class Transfer {
  readonly #options: TransferOptions
  readonly #sink: TransferSink
  readonly #stop = new AbortController()
  readonly #running = new Set<Promise<void>>()
  readonly #pace: Pace
  readonly #segments: Segments
  #failure: unknown
  #sinceLook = 0

  constructor(options: TransferOptions, sink: TransferSink) {
    this.#options = options
    this.#sink = sink
    this.#segments = new Segments(options.present, options.size)
    this.#pace = new Pace(options.connections)
  }

  async run(): Promise<void> {
    const { signal } = this.#options
    const stop = (): void => this.#stop.abort()
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    const looking = setInterval(() => this.#look(), PACE_EVERY_MS)
    try {
      // Again, should the last connection have left while another one put its segment back.
      while (!this.#stop.signal.aborted && this.#segments.left > 0) {
        this.#connect()
        while (this.#running.size > 0) await Promise.race(this.#running)
      }
    } finally {
      clearInterval(looking)
      signal.removeEventListener('abort', stop)
    }
    if (this.#failure !== undefined) throw this.#failure
  }

  /** One more connection, which brings segments until there is none left for it. */
  #connect(): void {
    const running = this.#bring().catch((error: unknown) => {
      this.#failure ??= error
      this.#stop.abort()
    })
    this.#running.add(running)
    void running.then(() => this.#running.delete(running))
  }

  async #bring(): Promise<void> {
    while (!this.#stop.signal.aborted && this.#running.size <= this.#pace.connections) {
      const segment = this.#segments.take()
      if (segment === undefined) return
      const { next: from } = segment
      try {
        await this.#request(segment)
      } catch (error) {
        const unwanted = this.#running.size > 1 && segment.next === from && isRefusal(error)
        if (!unwanted) throw error
        // A server that serves so many connections and no more: those that it serves bring this segment as well.
        this.#pace.settle(this.#running.size - 1)
        return
      } finally {
        this.#segments.leave(segment)
      }
    }
  }

  #request(segment: Segment): Promise<void> {
    const { source, size, fresh, transport } = this.#options
    const { next: from, end: to } = segment
    const range = { source, size, from, to, fresh, limits: transport.options, signal: this.#stop.signal }
    return requestBlob(transport, range, {
      start: (offset) => this.#start(segment, offset),
      chunk: (bytes) => this.#take(segment, bytes, to),
    })
  }

  #start(segment: Segment, offset: number): void {
    if (offset === segment.next) return
    const { size, source } = this.#options
    if (this.#running.size > 1) {
      const where = { host: source.host, step: 'blob' }
      throw new HearthError('RANGE_INVALID', `${source.host} gave the whole blob for a part of it`, where)
    }
    this.#sink.startOver()
    this.#pace.settle(1)
    this.#segments.giveAll(segment, size)
  }

  /** False when somebody else has taken the rest of what was asked for. */
  #take(segment: Segment, bytes: Uint8Array, asked: number): boolean {
    const room = segment.end - segment.next
    const own = bytes.length <= room ? bytes : bytes.subarray(0, room)
    if (own.length > 0) this.#sink.write(segment.next, own)
    segment.next += own.length
    this.#sinceLook += own.length
    return segment.next < segment.end || segment.end >= asked
  }

  #look(): void {
    const wanted = this.#pace.observe(this.#sinceLook, PACE_EVERY_MS)
    this.#sinceLook = 0
    while (this.#running.size < wanted && this.#segments.left >= LEAST_SEGMENT_BYTES && this.#segments.divisible) {
      this.#connect()
    }
  }
}

/** The server, or the way to it, has no place for one more connection. */
function isRefusal(error: unknown): boolean {
  return (
    isHearthError(error, 'TOOMANYREQUESTS') ||
    isHearthError(error, 'REGISTRY_UNAVAILABLE') ||
    isHearthError(error, 'CONNECTION_FAILED') ||
    isHearthError(error, 'CONNECTION_LOST') ||
    isHearthError(error, 'TIMEOUT')
  )
}
