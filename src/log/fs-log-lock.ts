import { join } from 'node:path'
import { HearthError } from '../errors.js'
import { acquireLock, type Lock, type LockHolder } from '../lock/fs-lock.js'
import { LOG_LOCK } from '../oci/image-layout.js'

export interface LogLockOptions {
  readonly timeoutMs: number
  readonly signal?: AbortSignal
  /** Called once, when the wait is one that people notice. */
  readonly onWait?: (holder: LockHolder) => void
  /** Keeps every writer out while files are read one after another: for caches that this process may not write. */
  readonly readOnly?: boolean
}

/**
 * The right to open the log's database. The lock's file lies outside LevelDB's folder: LevelDB's own lock is lost without
 * a word when its process reads or opens a file there a second time.
 * @throws HearthError LOG_BUSY naming the holder when the time is up, ABORTED by the signal.
 */
export async function lockLog(root: string, options: LogLockOptions): Promise<Lock> {
  const { timeoutMs } = options
  return await acquireLock(join(root, LOG_LOCK), {
    ...options,
    busy: ({ pid }) => {
      const holder = pid === undefined ? 'another process' : `process ${pid}`
      const details = { timeoutMs, ...(pid !== undefined && { pid }) }
      return new HearthError('LOG_BUSY', `${holder} did not let go of the log within ${timeoutMs} ms`, details)
    },
  })
}
