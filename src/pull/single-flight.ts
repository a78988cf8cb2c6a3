import { type Observable, ReplaySubject, share, tap } from 'rxjs'

/**
 * One running job per key. Late callers join it; when the last one leaves, it is aborted.
 * Finished jobs are forgotten: remembering is the blob store's work, not ours.
 */
export class SingleFlight<T> {
  readonly #running = new Map<string, Observable<T>>()

  run(key: string, job: () => Observable<T>): Observable<T> {
    const joined = this.#running.get(key)
    if (joined !== undefined) return joined
    const forget = (): void => {
      if (this.#running.get(key) === started) this.#running.delete(key)
    }
    const started: Observable<T> = job().pipe(
      // Before anyone hears of the end: whoever asks again because of a failure must get a new job, not this one once more.
      tap({ error: forget, complete: forget, unsubscribe: forget }),
      // A replaying connector: a caller that joins in the same turn as the value arrives still gets it.
      share({ connector: () => new ReplaySubject<T>(1) }),
    )
    this.#running.set(key, started)
    return started
  }
}
