import type { Pool, PoolCallOptions } from './pool.js'
import type { FetchBlobTask, FetchBlobValue, VerifyBlobTask, VerifyBlobValue } from './tasks.js'

export interface SplitPools {
  /** On the calling thread. */
  readonly near: Pool
  readonly far: Pool
}

/** Blobs up to this size never go to a thread: they hold the calling one up for a few milliseconds at most. */
const SMALL_BYTES = 1024 * 1024
/**
 * And these only once the threads are worth it: starting two of them takes 180 ms of a processor, in which the calling thread
 * receives, hashes and writes more than MOST_NEAR_BYTES.
 */
const MEDIUM_BYTES = 8 * 1024 * 1024
const MOST_NEAR_BYTES = 48 * 1024 * 1024

/** Adapter over two pools: a pull of a few small images starts no thread, a large layer never comes over the calling one. */
export class SplitPool implements Pool {
  readonly #near: Pool
  readonly #far: Pool
  /** Medium ones that went near. */
  #nearBytes = 0
  #isFarStarted = false

  constructor({ near, far }: SplitPools) {
    this.#near = near
    this.#far = far
  }

  fetchBlob(task: Omit<FetchBlobTask, 'control'>, options?: PoolCallOptions): Promise<FetchBlobValue> {
    return (this.#isNear(task.size) ? this.#near : this.#far).fetchBlob(task, options)
  }

  verifyBlob(task: Omit<VerifyBlobTask, 'control'>, options?: PoolCallOptions): Promise<VerifyBlobValue> {
    return this.#far.verifyBlob(task, options)
  }

  async close(): Promise<void> {
    await Promise.all([this.#near.close(), this.#far.close()])
  }

  #isNear(size: number): boolean {
    if (size <= SMALL_BYTES) return true
    this.#isFarStarted ||= size > MEDIUM_BYTES || this.#nearBytes + size > MOST_NEAR_BYTES
    if (!this.#isFarStarted) this.#nearBytes += size
    return !this.#isFarStarted
  }
}
