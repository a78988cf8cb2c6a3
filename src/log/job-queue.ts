import { HearthError } from '../errors.js'

/** Work that waits for its turn with something of type C. */
export interface Job<C> {
  /** Runs the work and settles its promise; never rejects itself. */
  run(context: C): Promise<void>
  /** Settles the promise without running the work. */
  fail(error: unknown): void
}

/** First come, first served. A job whose signal is aborted while it waits leaves at once; once it runs, it runs. */
export class JobQueue<C> {
  readonly #jobs = new Set<Job<C>>()

  get size(): number {
    return this.#jobs.size
  }

  /** Resolves and rejects as `work` does. @throws HearthError ABORTED when the signal was faster. */
  add<T>(work: (context: C) => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (signal?.aborted) return Promise.reject(aborted())
    return new Promise<T>((resolve, reject) => {
      const abort = (): void => job.fail(aborted())
      const job: Job<C> = {
        run: (context) => {
          this.#leave(job, abort, signal)
          return work(context).then(resolve, reject)
        },
        fail: (error) => {
          this.#leave(job, abort, signal)
          reject(error)
        },
      }
      this.#jobs.add(job)
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  /** The job whose turn it is; it stays in the queue until it is run or failed. */
  first(): Job<C> | undefined {
    return this.#jobs.values().next().value
  }

  failAll(error: unknown): void {
    for (const job of this.#jobs) job.fail(error)
  }

  #leave(job: Job<C>, abort: () => void, signal: AbortSignal | undefined): void {
    this.#jobs.delete(job)
    signal?.removeEventListener('abort', abort)
  }
}

function aborted(): HearthError {
  return new HearthError('ABORTED', 'stopped while waiting for the log')
}
