import { statfs } from 'node:fs/promises'
import { HearthError, isHearthError } from '../errors.js'
import { storeFailure } from './fs-failure.js'

/** Below this a disk counts as full: opening the log, an append and a new index.json need some of it. */
export const LOG_NEEDS_BYTES = 2 * 1024 * 1024

/** Bytes that are free for us in the file system of a path. @throws HearthError STORE_FAILED */
export async function availableBytes(path: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(path)
    return bavail * bsize
  } catch (error) {
    throw storeFailure(error, `ask for the free space of ${path}`)
  }
}

/**
 * NO_SPACE with what a user has to know: how many bytes are needed, and how many are free. What has both already, and any other
 * error, comes back as it is.
 * @param path of something on the disk that is full.
 */
export async function withSpace(error: unknown, path: string, needed: number): Promise<unknown> {
  if (!isHearthError(error, 'NO_SPACE') || error.details.free !== undefined) return error
  return new HearthError(
    'NO_SPACE',
    error.message,
    { ...error.details, needed, free: await availableBytes(path) },
    error.cause,
  )
}
