import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { HearthError, isHearthError } from '../errors.js'

export interface FsErrorContext {
  /** What was being done: `read`, `write`, `fsync`, `rename` … */
  readonly step: string
  readonly path: string
  /** Bytes that had no room. */
  readonly needed?: number
}

/** Whether the file system refused with one of these codes: `ENOENT`, `ELOOP` … */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? '')
}

/**
 * A file system's refusal as this package's own error: NO_SPACE for a full disk or quota (with `needed` and `free` bytes),
 * STORE_READ_ONLY where we may not write, STORE_FAILED for all else. What is no refusal comes back as it is.
 */
export function storeError(error: unknown, { step, path, needed }: FsErrorContext): unknown {
  if (isHearthError(error)) return error
  const errno = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  // A TypeError, say: a defect of ours, which must not pass for a broken disk.
  if (errno === undefined || errno.startsWith('ERR_')) return error
  const details = { step, path, errno }
  if (hasCode(error, 'ENOSPC', 'EDQUOT')) {
    const free = freeBytes(path)
    const space = { ...details, ...(needed !== undefined && { needed }), ...(free !== undefined && { free }) }
    return new HearthError('NO_SPACE', `no space left to ${step} ${path}`, space, error)
  }
  if (step !== 'read' && hasCode(error, 'EROFS', 'EACCES', 'EPERM')) {
    return new HearthError('STORE_READ_ONLY', `may not ${step} ${path}: ${errno}`, details, error)
  }
  return new HearthError('STORE_FAILED', `could not ${step} ${path}: ${errno}`, details, error)
}

/** Runs one step; whatever it throws comes out as a {@link storeError}. */
export function guarded<T>(context: FsErrorContext, run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw storeError(error, context)
  }
}

/** The same for a step that takes its time. */
export async function guardedAsync<T>(context: FsErrorContext, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    throw storeError(error, context)
  }
}

function freeBytes(path: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(dirname(path))
    return bavail * bsize
  } catch (error) {
    // The folder may be gone or unreadable by now; the number only makes the message better.
    if (error instanceof Error) return undefined
    throw error
  }
}
