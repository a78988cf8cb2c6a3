import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { HearthError } from '../errors.js'
import type { BlobStat } from './blob-store.js'
import { guarded, guardedAsync, hasCode } from './fs-error.js'

/** Follows no link, and never waits on a planted pipe. */
const READING = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

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
      return absent(error)
    }
  })
}

/**
 * A small blob as a whole. Synchronous, too: a manifest in the page cache is read in 50 us, and each of the four trips to libuv's
 * threads cost twice that (with the log asked side by side, 9 % of a pull of 40 present images).
 * @throws HearthError BLOB_UNKNOWN for anything but a regular file, STORE_FAILED when it cannot be read, and what `tooLarge`
 * makes of the size of one with more than `maxBytes`.
 */
export function readBlob(path: string, maxBytes: number, tooLarge: (size: number) => HearthError): Uint8Array {
  return guarded({ step: 'read', path }, () => {
    const file = openSyncIfAny(path)
    if (file === undefined) throw blobUnknown(path)
    try {
      const stat = fstatSync(file)
      if (!stat.isFile()) throw blobUnknown(path)
      if (stat.size > maxBytes) throw tooLarge(stat.size)
      const bytes = Buffer.alloc(stat.size)
      return bytes.subarray(0, readSync(file, bytes, 0, stat.size, 0))
    } finally {
      closeSync(file)
    }
  })
}

/**
 * Opens a blob for reading.
 * @throws HearthError BLOB_UNKNOWN for anything but a regular file, STORE_FAILED when it cannot be read.
 */
export async function openBlob(path: string): Promise<OpenBlob> {
  return await guardedAsync({ step: 'read', path }, async () => {
    const file = await openIfAny(path)
    const stat = await file?.stat()
    if (file !== undefined && stat?.isFile()) return { file, size: stat.size, mtimeMs: stat.mtimeMs }
    await file?.close()
    throw blobUnknown(path)
  })
}

function blobUnknown(path: string): HearthError {
  return new HearthError('BLOB_UNKNOWN', `no blob at ${path}`, { path })
}

function openSyncIfAny(path: string): number | undefined {
  try {
    return openSync(path, READING)
  } catch (error) {
    return absent(error)
  }
}

function openIfAny(path: string): Promise<FileHandle | undefined> {
  return open(path, READING).catch(absent)
}

/** Nothing, where the refusal says that there is no such file. */
function absent(error: unknown): undefined {
  if (!hasCode(error, ...ABSENT)) throw error
}
