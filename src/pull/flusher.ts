import { isHearthError } from '../errors.js'
import { type FlushDeps, flushBlobs } from '../log/flush-blobs.js'

export interface FlusherDeps extends FlushDeps {
  /** Monotonic milliseconds. */
  readonly now: () => number
}

/** Often enough that a reboot costs little hashing, rarely enough that the log does not fill with it. */
const FLUSH_EVERY_MS = 5000
/**
 * More is left to the operating system when a run ends: to fsync 1 GiB that has only just arrived kept a process for longer than
 * `full` does, which fsyncs while it receives. To hash that much after a reboot takes a moment.
 */
const FLUSH_AT_END_BYTES = 32 * 1024 * 1024

/**
 * Brings blobs to the disk that pulls have committed without waiting for it: beside the pulls, which are never kept up. What
 * it has not got to when the process ends is hashed again after a reboot, unless a later run in this boot flushes it.
 */
export class Flusher {
  readonly #deps: FlusherDeps
  readonly #ending = new AbortController()
  #flushing: Promise<void> | undefined
  /** Bytes recorded since the last flush began. */
  #doubtfulBytes = 0
  #failed = false
  #startedAt: number

  constructor(deps: FlusherDeps) {
    this.#deps = deps
    this.#startedAt = deps.now()
  }

  /** Says that bytes were recorded as committed, but not durable. */
  committed(bytes: number): void {
    this.#doubtfulBytes += bytes
    if (this.#flushing === undefined && this.#deps.now() - this.#startedAt >= FLUSH_EVERY_MS) this.#start()
  }

  /** Flushes what is left, if it is little. The signal ends the wait and whatever has not begun. */
  async end(signal: AbortSignal): Promise<void> {
    const given = new Promise<void>((resolve) => {
      if (signal.aborted) resolve()
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
    await Promise.race([this.#finish(signal), given])
    this.#ending.abort()
  }

  async #finish(signal: AbortSignal): Promise<void> {
    await this.#flushing
    const isLittle = this.#doubtfulBytes > 0 && this.#doubtfulBytes <= FLUSH_AT_END_BYTES
    if (isLittle && !signal.aborted) this.#start()
    await this.#flushing
  }

  #start(): void {
    // After a failed fsync a second one may succeed although the bytes are lost.
    if (this.#failed) return
    this.#doubtfulBytes = 0
    this.#startedAt = this.#deps.now()
    this.#flushing = this.#flush()
  }

  async #flush(): Promise<void> {
    try {
      await flushBlobs(this.#deps, this.#ending.signal)
    } catch (error) {
      // Nobody waits for it, and nothing was promised: the blobs stay in doubt.
      if (!isHearthError(error)) throw error
      this.#failed = true
    } finally {
      this.#flushing = undefined
    }
  }
}
