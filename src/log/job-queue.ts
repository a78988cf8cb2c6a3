import { HearthError } from '../errors.js'

/** Work that waits for its turn with something of type C. */
export interface Job<C> {
  /** Runs the work and settles its promise; never rejects itself. */
  run(context: C): Promise<void>
  /** Settles the promise without running the work. */
  fail(error: unknown): void
}

/** First come, first served. A job leaves when one of its signals is aborted while it waits; once it runs, it runs. */
export class JobQueue<C> {
  readonly #jobs = new Set<Job<C>>()
  /** One listener per signal: a hundred jobs of one pull share a signal, and Node warns at the eleventh listener. */
  readonly #watched = new Map<AbortSignal, { readonly jobs: Set<Job<C>>; readonly listener: () => void }>()

  get size(): number {
    return this.#jobs.size
  }

  /** Resolves and rejects as `work` does. @throws HearthError ABORTED when a signal was faster. */
  add<T>(work: (context: C) => Promise<T>, signals: readonly AbortSignal[]): Promise<T> {
    if (signals.some(({ aborted }) => aborted)) return Promise.reject(abortedError())
    return new Promise<T>((resolve, reject) => {
      const leave = (): void => {
        this.#jobs.delete(job)
        for (const signal of signals) this.#unwatch(signal, job)
      }
      const job: Job<C> = {
        run: (context) => {
          leave()
          return work(context).then(resolve, reject)
        },
        fail: (error) => {
          leave()
          reject(error)
        },
      }
      this.#jobs.add(job)
      for (const signal of signals) this.#watch(signal, job)
    })
  }

  /** The job whose turn it is; it stays in the queue until it is run or failed. */
  first(): Job<C> | undefined {
    return this.#jobs.values().next().value
  }

  failAll(error: unknown): void {
    for (const job of this.#jobs) job.fail(error)
  }

  #watch(signal: AbortSignal, job: Job<C>): void {
    const watched = this.#watched.get(signal)
    if (watched !== undefined) return void watched.jobs.add(job)
    const jobs = new Set([job])
    const listener = (): void => {
      for (const each of jobs) each.fail(abortedError())
    }
    this.#watched.set(signal, { jobs, listener })
    signal.addEventListener('abort', listener)
  }

  #unwatch(signal: AbortSignal, job: Job<C>): void {
    const watched = this.#watched.get(signal)
    watched?.jobs.delete(job)
    if (watched === undefined || watched.jobs.size > 0) return
    signal.removeEventListener('abort', watched.listener)
    this.#watched.delete(signal)
  }
}

function abortedError(): HearthError {
  return new HearthError('ABORTED', 'stopped while waiting for the log')
}
