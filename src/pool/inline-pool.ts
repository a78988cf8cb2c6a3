import verifyBlob from '../../workers/verify-blob.js'
import type { Pool, PoolCallOptions } from './pool.js'
import { TaskCalls } from './task-calls.js'
import type { FetchBlobTask, FetchBlobValue, VerifyBlobTask, VerifyBlobValue, WorkerSettings } from './tasks.js'

const TICK_MS = 100

/** Adapter: the workers' tasks on the calling thread, for small blobs and for tests. */
export class InlinePool implements Pool {
  readonly #settings: WorkerSettings
  /** Loaded by the first fetch: it brings the HTTP client. */
  #module: Promise<typeof import('../../workers/fetch-blob.js')> | undefined
  readonly #calls = new TaskCalls((tick) => {
    const timer = setInterval(tick, TICK_MS)
    return () => clearInterval(timer)
  })

  constructor(settings: WorkerSettings) {
    this.#settings = settings
  }

  async fetchBlob(task: Omit<FetchBlobTask, 'control'>, options?: PoolCallOptions): Promise<FetchBlobValue> {
    return await this.#calls.call(async (control) => {
      this.#module ??= import('../../workers/fetch-blob.js')
      const { fetchBlob } = await this.#module
      return await fetchBlob({ ...task, control }, this.#settings)
    }, options)
  }

  async verifyBlob(task: Omit<VerifyBlobTask, 'control'>, options?: PoolCallOptions): Promise<VerifyBlobValue> {
    return await this.#calls.call((control) => verifyBlob({ ...task, control }), options)
  }

  async close(): Promise<void> {
    await this.#calls.stop()
    // Threads take their connections with them; this one lives on.
    await (await this.#module)?.closeTransport(this.#settings)
  }
}
