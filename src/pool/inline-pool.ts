import verifyBlob from '../../workers/verify-blob.js'
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

/** What workers/fetch-blob.ts exports besides its task: the same with the settings passed in. */
interface FetchBlobModule {
  fetchBlob(task: FetchBlobTask, settings: WorkerSettings): Promise<TaskOutcome<FetchBlobValue>>
}

/** Loaded by the first fetch: it brings the HTTP client. */
const FETCH_BLOB = new URL('../../workers/fetch-blob.js', import.meta.url).href
const TICK_MS = 100

/** Adapter: the workers' tasks on the calling thread. For tests, for debugging, and where threads cost more than they give. */
export class InlinePool implements Pool {
  readonly #settings: WorkerSettings
  readonly #calls = new TaskCalls((tick) => {
    const timer = setInterval(tick, TICK_MS)
    return () => clearInterval(timer)
  })

  constructor(settings: WorkerSettings) {
    this.#settings = settings
  }

  async fetchBlob(task: Omit<FetchBlobTask, 'control'>, options?: PoolCallOptions): Promise<FetchBlobValue> {
    return await this.#calls.call(async (control) => {
      const { fetchBlob } = (await import(FETCH_BLOB)) as FetchBlobModule
      return await fetchBlob({ ...task, control }, this.#settings)
    }, options)
  }

  async verifyBlob(task: Omit<VerifyBlobTask, 'control'>, options?: PoolCallOptions): Promise<VerifyBlobValue> {
    return await this.#calls.call((control) => verifyBlob({ ...task, control }), options)
  }

  async close(): Promise<void> {
    await this.#calls.stop()
  }
}
