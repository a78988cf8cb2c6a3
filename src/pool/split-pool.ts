import type { Pool, PoolCallOptions } from './pool.js'
import type { FetchBlobTask, FetchBlobValue, VerifyBlobTask, VerifyBlobValue } from './tasks.js'

export interface SplitPools {
  /** On the calling thread. */
  readonly near: Pool
  readonly far: Pool
}

/**
 * Blobs up to this size are fetched on the calling thread, which they hold up for a few milliseconds at most: a pull of
 * small images then starts no thread at all. Loading a worker's modules alone takes some 50 ms of a processor.
 */
const NEAR_BYTES = 1024 * 1024

/** Adapter over two pools: small downloads near, everything else on threads. */
export class SplitPool implements Pool {
  readonly #near: Pool
  readonly #far: Pool

  constructor({ near, far }: SplitPools) {
    this.#near = near
    this.#far = far
  }

  fetchBlob(task: Omit<FetchBlobTask, 'control'>, options?: PoolCallOptions): Promise<FetchBlobValue> {
    return (task.size <= NEAR_BYTES ? this.#near : this.#far).fetchBlob(task, options)
  }

  verifyBlob(task: Omit<VerifyBlobTask, 'control'>, options?: PoolCallOptions): Promise<VerifyBlobValue> {
    return this.#far.verifyBlob(task, options)
  }

  async close(): Promise<void> {
    await Promise.all([this.#near.close(), this.#far.close()])
  }
}
