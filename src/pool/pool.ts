import type { FetchBlobTask, FetchBlobValue, VerifyBlobTask, VerifyBlobValue } from './tasks.js'

/**
 * Port: the threads that move and hash bytes. A call rejects with the HearthError that the worker reported as a value,
 * or with INTERNAL when the thread itself died; the other calls go on. Aborting a signal makes the task stop by itself,
 * keep what it has on disk, and reject with ABORTED.
 */
export interface Pool {
  fetchBlob(task: Omit<FetchBlobTask, 'control'>, options?: PoolCallOptions): Promise<FetchBlobValue>
  verifyBlob(task: Omit<VerifyBlobTask, 'control'>, options?: PoolCallOptions): Promise<VerifyBlobValue>
  close(): Promise<void>
}

export interface PoolCallOptions {
  readonly signal?: AbortSignal
  /** Called a few times a second while the task runs, with the bytes that are accounted for so far. */
  readonly onBytes?: (bytes: number) => void
}
