import { finalize, type Observable, ReplaySubject, share } from 'rxjs'

/**
 * One running job per key. Late callers join it; when the last one leaves, it is aborted.
 * Finished jobs are forgotten: remembering is the blob store's work, not ours.
 */
export class SingleFlight<T> {
  readonly #running = new Map<string, Observable<T>>()

  run(key: string, job: () => Observable<T>): Observable<T> {
    const joined = this.#running.get(key)
    if (joined !== undefined) return joined
    const started = job().pipe(
      finalize(() => this.#running.delete(key)),
      // A replaying connector: a caller that joins in the same turn as the value arrives still gets it.
      share({ connector: () => new ReplaySubject<T>(1) }),
    )
    this.#running.set(key, started)
    return started
  }
}
