import { setMaxListeners } from 'node:events'
import { HearthError } from './errors.js'

interface CallOptions {
  readonly signal?: AbortSignal
}

/** The calls of a cache that are under way: each is ended by its caller's signal, or when the cache is closed. */
export class Calls {
  readonly #running = new Map<AbortController, Promise<unknown>>()
  #stopped = false

  /**
   * Hands the options to `work` with a signal that goes off with the caller's, or when the cache is closed.
   * @throws HearthError ABORTED before `work` begins, under a signal that has gone off or after {@link stop}.
   */
  async run<O extends CallOptions, T>(options: O, work: (linked: O & Required<CallOptions>) => Promise<T>): Promise<T> {
    const { own, unlink } = this.#link(options)
    const running = work({ ...options, signal: own.signal })
    this.#running.set(own, running)
    try {
      return await running
    } finally {
      unlink()
    }
  }

  /**
   * The same for work that yields. {@link stop} does not wait for its end: that is up to whoever takes what it yields.
   * @throws HearthError ABORTED as {@link run} does.
   */
  async *stream<O extends CallOptions, T>(
    options: O,
    work: (linked: O & Required<CallOptions>) => AsyncIterable<T>,
  ): AsyncGenerator<T, void, undefined> {
    const { own, unlink } = this.#link(options)
    this.#running.set(own, Promise.resolve())
    try {
      yield* work({ ...options, signal: own.signal })
    } finally {
      unlink()
    }
  }

  /** Ends every call with ABORTED, refuses new ones, and resolves when none is left. Idempotent. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const own of this.#running.keys()) own.abort()
    await Promise.allSettled(this.#running.values())
  }

  #link({ signal }: CallOptions): { readonly own: AbortController; unlink(): void } {
    if (this.#stopped) throw new HearthError('ABORTED', 'the cache was closed')
    if (signal?.aborted) throw new HearthError('ABORTED', 'stopped before it began')
    const own = new AbortController()
    // As many parts of a call may listen as there are processors and blobs; Node takes more than ten for a leak.
    setMaxListeners(0, own.signal)
    const abort = (): void => own.abort()
    signal?.addEventListener('abort', abort, { once: true })
    const unlink = (): void => {
      this.#running.delete(own)
      signal?.removeEventListener('abort', abort)
    }
    return { own, unlink }
  }
}
