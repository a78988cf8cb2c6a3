import { setMaxListeners } from 'node:events'
import { Observable } from 'rxjs'
import { HearthError } from '../errors.js'

/** Unsubscribing aborts the signal: one of the two places where RxJS meets AbortSignal. Cold: starts at subscription. */
export function fromAbortable<T>(start: (signal: AbortSignal) => Promise<T>): Observable<T> {
  return new Observable((subscriber) => {
    const controller = new AbortController()
    // Every blob of an image listens to the image's signal; Node takes more than ten for a leak, and says so on stderr.
    setMaxListeners(0, controller.signal)
    start(controller.signal).then(
      (value) => {
        subscriber.next(value)
        subscriber.complete()
      },
      (error: unknown) => subscriber.error(error),
    )
    return () => controller.abort()
  })
}

/** The other one, at the edge: all values of a finite stream; aborting the signal unsubscribes and rejects with ABORTED. */
export function collect<T>(source: Observable<T>, signal?: AbortSignal): Promise<T[]> {
  return new Promise((resolve, reject) => {
    const values: T[] = []
    const abort = (): void => {
      subscription.unsubscribe()
      reject(new HearthError('ABORTED', 'stopped'))
    }
    const settle = (): void => signal?.removeEventListener('abort', abort)
    const subscription = source.subscribe({
      next: (value) => values.push(value),
      error: (error: unknown) => {
        settle()
        reject(error)
      },
      complete: () => {
        settle()
        resolve(values)
      },
    })
    if (signal?.aborted) abort()
    else signal?.addEventListener('abort', abort, { once: true })
  })
}
