import { constants, lstatSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { HearthError } from '../errors.js'
import type { BlobStat } from './blob-store.js'
import { guarded, guardedAsync, hasCode } from './fs-error.js'

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants

// What stands in a blob's place, or in its folder's, is no blob.
const ABSENT = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO']

export interface OpenBlob extends BlobStat {
  /** The caller's to close. */
  readonly file: FileHandle
}

/**
 * Undefined for anything but a regular file. Synchronous: a look takes microseconds, handing it to one of libuv's threads 0.2
 * ms, and a pull looks several times for each of its blobs.
 */
export function statBlob(path: string): BlobStat | undefined {
  return guarded({ step: 'read', path }, () => {
    try {
      const stat = lstatSync(path, { throwIfNoEntry: false })
      return stat?.isFile() ? { size: stat.size, mtimeMs: stat.mtimeMs } : undefined
    } catch (error) {
      if (hasCode(error, ...ABSENT)) return undefined
      throw error
    }
  })
}

/**
 * Opens a blob for reading. Follows no link and never waits on a planted pipe.
 * @throws HearthError BLOB_UNKNOWN for anything but a regular file, STORE_FAILED when it cannot be read.
 */
export async function openBlob(path: string): Promise<OpenBlob> {
  return await guardedAsync({ step: 'read', path }, async () => {
    const file = await openIfAny(path)
    const stat = await file?.stat()
    if (file !== undefined && stat?.isFile()) return { file, size: stat.size, mtimeMs: stat.mtimeMs }
    await file?.close()
    throw new HearthError('BLOB_UNKNOWN', `no blob at ${path}`, { path })
  })
}

async function openIfAny(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  } catch (error) {
    if (hasCode(error, ...ABSENT)) return undefined
    throw error
  }
}
