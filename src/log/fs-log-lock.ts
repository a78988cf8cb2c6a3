import { join } from 'node:path'
import { HearthError } from '../errors.js'
import { type AcquireOptions, acquireLock, type Lock } from '../lock/fs-lock.js'
import { LOG_LOCK } from '../oci/image-layout.js'

/**
 * The right to open the log's database. The lock's file lies outside LevelDB's folder: LevelDB's own lock is lost without
 * a word when its process reads or opens a file there a second time.
 * @throws HearthError LOG_BUSY naming the holder when the time is up, ABORTED by the signal.
 */
export async function lockLog(root: string, timeoutMs: number, signal?: AbortSignal): Promise<Lock> {
  return await lock(root, { timeoutMs, ...(signal && { signal }) })
}

/**
 * Keeps every writer out while the database's files are read one after another. For caches that this process may not write.
 * @throws HearthError as lockLog does.
 */
export async function lockLogForReading(root: string, timeoutMs: number, signal?: AbortSignal): Promise<Lock> {
  return await lock(root, { readOnly: true, timeoutMs, ...(signal && { signal }) })
}

function lock(root: string, options: Omit<AcquireOptions, 'busy'>): Promise<Lock> {
  const { timeoutMs } = options
  return acquireLock(join(root, LOG_LOCK), {
    ...options,
    busy: ({ pid }) => {
      const holder = pid === undefined ? 'another process' : `process ${pid}`
      const details = { timeoutMs, ...(pid !== undefined && { pid }) }
      return new HearthError('LOG_BUSY', `${holder} did not let go of the log within ${timeoutMs} ms`, details)
    },
  })
}
