import { setTimeout as sleep } from 'node:timers/promises'
import type { Piscina } from 'piscina'
import { HearthError } from '../errors.js'
import type { Pool, PoolCallOptions } from './pool.js'
import { TaskCalls } from './task-calls.js'
import type {
  FetchBlobTask,
  FetchBlobValue,
  TaskOutcome,
  VerifyBlobTask,
  VerifyBlobValue,
  WorkerSettings,
} from './tasks.js'

/** File URLs of the modules that do the tasks. */
export interface TaskEntries {
  readonly fetchBlob: string
  readonly verifyBlob: string
}

export interface PiscinaPoolOptions {
  readonly threads: number
  /** Tasks under way in one thread: a download waits for the network most of the time. */
  readonly tasksPerThread: number
  readonly settings: WorkerSettings
  /** Default: the ones in workers/. */
  readonly entries?: TaskEntries
}

const ENTRIES: TaskEntries = {
  fetchBlob: new URL('../../workers/fetch-blob.js', import.meta.url).href,
  verifyBlob: new URL('../../workers/verify-blob.js', import.meta.url).href,
}

/** Often enough for a progress bar. */
const TICK_MS = 100
/** Ctrl-C promises an end within two seconds: tasks that have not stopped by themselves by then are killed. */
const GRACE_MS = 1500
const IDLE_MS = 5000

/** Adapter: tasks on threads of this process. The threads start with the first task. */
export class PiscinaPool implements Pool {
  readonly #options: PiscinaPoolOptions
  readonly #entries: TaskEntries
  readonly #calls = new TaskCalls((tick) => {
    const timer = setInterval(tick, TICK_MS)
    return () => clearInterval(timer)
  })
  #threads: Piscina | undefined

  constructor(options: PiscinaPoolOptions) {
    this.#options = options
    this.#entries = options.entries ?? ENTRIES
  }

  async fetchBlob(task: Omit<FetchBlobTask, 'control'>, options?: PoolCallOptions): Promise<FetchBlobValue> {
    return await this.#calls.call((control) => this.#run(this.#entries.fetchBlob, { ...task, control }), options)
  }

  async verifyBlob(task: Omit<VerifyBlobTask, 'control'>, options?: PoolCallOptions): Promise<VerifyBlobValue> {
    return await this.#calls.call((control) => this.#run(this.#entries.verifyBlob, { ...task, control }), options)
  }

  /** Tasks under way stop by themselves, or are killed after a grace; either way they reject with ABORTED. Idempotent. */
  async close(): Promise<void> {
    const stopped = this.#calls.stop()
    await Promise.race([stopped, sleep(GRACE_MS, undefined, { ref: false })])
    await this.#threads?.destroy()
    this.#threads = undefined
    await stopped
  }

  /** Never with Piscina's own signal: that one kills the thread, and with it the other tasks of the thread. */
  async #run<T>(filename: string, task: FetchBlobTask | VerifyBlobTask): Promise<TaskOutcome<T>> {
    const { kind, digest } = task
    // Only now: a pull of small blobs needs neither this package nor a thread.
    const { Piscina } = await import('piscina')
    if (this.#calls.stopped) throw new HearthError('ABORTED', 'stopped before the task began', { kind, digest })
    this.#threads ??= this.#start(Piscina)
    try {
      const outcome: TaskOutcome<T> = await this.#threads.run(task, { filename })
      return outcome
    } catch (cause) {
      if (this.#calls.stopped) throw new HearthError('ABORTED', 'the task was ended', { kind, digest }, cause)
      throw new HearthError('INTERNAL', 'the thread of a task died', { kind, digest }, cause)
    }
  }

  #start(Threads: typeof Piscina): Piscina {
    const { threads: maxThreads, tasksPerThread, settings } = this.#options
    const threads = new Threads({
      // All at once: a thread that may take several tasks would take all of them before a second one was started. And not 0
      // in any case: when the last thread dies with its task, nothing would ever start the tasks that are still queued.
      minThreads: maxThreads,
      maxThreads,
      concurrentTasksPerWorker: tasksPerThread,
      idleTimeout: IDLE_MS,
      // With the default, 'sync', an idle worker sleeps in Atomics.wait: its keep-alive sockets and timers stop.
      atomics: 'disabled',
      workerData: settings,
      recordTiming: false,
    })
    threads.on('error', () => {
      // A thread died without a task: another one has taken its place. If none could be started, fail what is queued.
      if (threads.threads.length > 0) return
      if (this.#threads === threads) this.#threads = undefined
      void threads.destroy()
    })
    return threads
  }
}
