import { HearthError } from '../errors.js'

export interface Kept<T> {
  readonly value: T
  /** Milliseconds from now. */
  readonly ttlMs: number
}

type Load<T> = (signal: AbortSignal) => Promise<Kept<T>>

/**
 * Values that are dear to get and go stale: one load at a time for each key, joined by whoever else wants it. A caller that
 * is aborted leaves; the load itself is aborted when the last one has left. Failures are not kept.
 */
export class ExpiringCache<T> {
  readonly #kept = new Map<string, { readonly value: T; readonly until: number }>()
  readonly #loading = new Map<string, Flight<T>>()

  /** @param now milliseconds of a clock that never jumps. */
  constructor(private readonly now: () => number) {}

  peek(key: string): T | undefined {
    const kept = this.#kept.get(key)
    return kept !== undefined && kept.until > this.now() ? kept.value : undefined
  }

  /** Forgets a value that proved bad, unless another caller has replaced it since. */
  drop(key: string, value: T): void {
    if (this.#kept.get(key)?.value === value) this.#kept.delete(key)
  }

  /** @throws HearthError ABORTED when `signal` was aborted; whatever `load` throws. */
  get(key: string, load: Load<T>, signal?: AbortSignal): Promise<T> {
    const kept = this.#kept.get(key)
    if (kept !== undefined && kept.until > this.now()) return Promise.resolve(kept.value)
    const flight = this.#loading.get(key) ?? this.#start(key, load)
    return flight.join(signal)
  }

  #start(key: string, load: Load<T>): Flight<T> {
    const flight = new Flight(
      async (signal) => {
        try {
          const { value, ttlMs } = await load(signal)
          this.#sweep()
          if (!signal.aborted) this.#kept.set(key, { value, until: this.now() + ttlMs })
          return value
        } finally {
          if (this.#loading.get(key) === flight) this.#loading.delete(key)
        }
      },
      () => this.#loading.delete(key),
    )
    this.#loading.set(key, flight)
    return flight
  }

  /** A warm of thousands of repositories would else keep thousands of dead tokens. */
  #sweep(): void {
    const now = this.now()
    for (const [key, { until }] of this.#kept) if (until <= now) this.#kept.delete(key)
  }
}

class Flight<T> {
  readonly #controller = new AbortController()
  readonly #result: Promise<T>
  #waiting = 0

  constructor(
    run: (signal: AbortSignal) => Promise<T>,
    private readonly abandoned: () => void,
  ) {
    // Started in a later microtask, so that whoever made this flight can register it first.
    this.#result = Promise.resolve().then(() => run(this.#controller.signal))
    // The one who leaves by abort does not see how it ended.
    this.#result.catch(() => undefined)
  }

  join(signal: AbortSignal | undefined): Promise<T> {
    if (signal === undefined) {
      this.#waiting++
      return this.#result.finally(() => this.#leave())
    }
    return new Promise((resolve, reject) => {
      this.#waiting++
      const abort = (): void => {
        reject(new HearthError('ABORTED', 'the wait was aborted'))
        this.#leave()
      }
      if (signal.aborted) return abort()
      signal.addEventListener('abort', abort, { once: true })
      const done = (): void => {
        signal.removeEventListener('abort', abort)
        if (!signal.aborted) this.#leave()
      }
      this.#result.then(resolve, reject).finally(done)
    })
  }

  #leave(): void {
    this.#waiting--
    if (this.#waiting > 0) return
    this.abandoned()
    this.#controller.abort()
  }
}
