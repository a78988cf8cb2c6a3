import { dirname } from 'node:path'
import { HearthError, isHearthError } from '../errors.js'
import { openBlob } from './fs-blob-file.js'
import { guardedAsync } from './fs-error.js'
import { syncFolder } from './fs-folder.js'

/** File systems write the journal once for all who fsync at the same time; more would keep libuv's four threads busy. */
const LANES = 3

/**
 * Fsyncs files, then the folders that hold their names. A file that is gone needs none. Idempotent.
 * @throws HearthError ABORTED between two files, STORE_FAILED when the disk refused.
 */
export async function flushFiles(paths: readonly string[], signal?: AbortSignal): Promise<void> {
  const queue = paths.values()
  const lane = async (): Promise<void> => {
    for (const path of queue) {
      if (signal?.aborted) throw new HearthError('ABORTED', 'stopped while blobs were flushed')
      await flushFile(path)
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  for (const folder of new Set(paths.map((path) => dirname(path)))) await syncFolder(folder)
}

async function flushFile(path: string): Promise<void> {
  try {
    const { file } = await openBlob(path)
    try {
      await guardedAsync({ step: 'fsync', path }, () => file.sync())
    } finally {
      await file.close()
    }
  } catch (error) {
    if (!isHearthError(error, 'BLOB_UNKNOWN')) throw error
  }
}
