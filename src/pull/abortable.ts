import { setMaxListeners } from 'node:events'
import { firstValueFrom, from, Observable, of, Subscription, timeout } from 'rxjs'
import { HearthError } from '../errors.js'

/** A request that does not notice, a disk that takes long to flush. */
const STOP_WITHIN_MS = 1500

/**
 * The jobs of a run: promises on one side, RxJS on the other. Knows which of them have not ended yet: unsubscribing asks a
 * job to stop, but does not wait for it.
 */
export class Jobs {
  readonly #running = new Set<Promise<unknown>>()

  /** Unsubscribing aborts the signal: one of the two places where RxJS meets AbortSignal. Cold: starts at subscription. */
  run<T>(start: (signal: AbortSignal) => Promise<T>): Observable<T> {
    return new Observable((subscriber) => {
      const controller = new AbortController()
      // Every blob of an image listens to the image's signal; Node takes more than ten for a leak, and says so on stderr.
      setMaxListeners(0, controller.signal)
      const running = start(controller.signal).then(
        (value) => {
          this.#running.delete(running)
          subscriber.next(value)
          subscriber.complete()
        },
        (error: unknown) => {
          this.#running.delete(running)
          subscriber.error(error)
        },
      )
      this.#running.add(running)
      // Also called at the end of a job. An abort makes an exception with a stack: of thousands of jobs, a tenth of the time.
      return () => {
        if (this.#running.has(running)) controller.abort()
      }
    })
  }

  /** Resolves when no job runs any more, also none of those that nobody wants. */
  async ended(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
  }

  /** The same for those who were asked to stop: what takes longer than a second and a half is left to end by itself. */
  async stopped(): Promise<void> {
    await firstValueFrom(from(this.ended()).pipe(timeout({ first: STOP_WITHIN_MS, with: () => of(undefined) })))
  }
}

/** Goes off with the first of them. Any number may listen. */
export function firstOf(...signals: readonly AbortSignal[]): AbortSignal {
  const first = AbortSignal.any([...signals])
  setMaxListeners(0, first)
  return first
}

/** The other one, at the edge: all values of a finite stream; aborting the signal unsubscribes and rejects with ABORTED. */
export function collect<T>(source: Observable<T>, signal?: AbortSignal): Promise<T[]> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      subscription.unsubscribe()
      reject(new HearthError('ABORTED', 'stopped'))
    }
    const subscription = new Subscription(() => signal?.removeEventListener('abort', abort))
    if (signal?.aborted) return abort()
    signal?.addEventListener('abort', abort, { once: true })
    const values: T[] = []
    subscription.add(
      source.subscribe({
        next: (value) => values.push(value),
        error: (error: unknown) => {
          subscription.unsubscribe()
          reject(error)
        },
        complete: () => {
          subscription.unsubscribe()
          resolve(values)
        },
      }),
    )
  })
}
