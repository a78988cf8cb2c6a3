import { fromFailure, HearthError } from '../errors.js'
import type { PoolCallOptions } from './pool.js'
import { createControl, reportedBytes, requestStop } from './task-control.js'
import type { TaskOutcome } from './tasks.js'

/** Runs `tick` a few times a second until the function it gives is called. */
export type Ticker = (tick: () => void) => () => void

/** Starts a task whose live view is `control`. */
export type StartTask<T> = (control: SharedArrayBuffer) => Promise<TaskOutcome<T>>

/**
 * The calls under way, as the Pool port promises them: a signal becomes a request to stop, the worker's byte count becomes
 * calls of `onBytes`, a failure becomes the HearthError it was.
 */
export class TaskCalls {
  readonly #ticker: Ticker
  readonly #running = new Map<SharedArrayBuffer, Promise<unknown>>()
  #stopped = false

  constructor(ticker: Ticker) {
    this.#ticker = ticker
  }

  /** Whether {@link stop} was called: from then on a task that ends without an outcome was ended by us. */
  get stopped(): boolean {
    return this.#stopped
  }

  /** @throws HearthError what the task reported; ABORTED at once when the signal came before it, or after {@link stop}. */
  async call<T>(start: StartTask<T>, { signal, onBytes }: PoolCallOptions = {}): Promise<T> {
    if (signal?.aborted || this.#stopped) throw new HearthError('ABORTED', 'stopped before the task began')
    const control = createControl()
    const report = newReport(control, onBytes)
    const stop = () => requestStop(control)
    signal?.addEventListener('abort', stop, { once: true })
    const stopTicking = onBytes === undefined ? () => {} : this.#ticker(report)
    try {
      const outcome = await this.#track(control, start(control))
      report()
      if (outcome.ok) return outcome.value
      throw fromFailure(outcome.failure)
    } finally {
      stopTicking()
      signal?.removeEventListener('abort', stop)
    }
  }

  /** Asks every task to stop, refuses new ones, and resolves when the last has ended. Idempotent. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const control of this.#running.keys()) requestStop(control)
    await Promise.allSettled(this.#running.values())
  }

  async #track<T>(control: SharedArrayBuffer, outcome: Promise<T>): Promise<T> {
    this.#running.set(control, outcome)
    try {
      return await outcome
    } finally {
      this.#running.delete(control)
    }
  }
}

function newReport(control: SharedArrayBuffer, onBytes: PoolCallOptions['onBytes']): () => void {
  let last = 0
  return () => {
    const bytes = reportedBytes(control)
    if (bytes === last) return
    last = bytes
    onBytes?.(bytes)
  }
}
