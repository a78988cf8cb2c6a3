import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import { HearthError } from '../errors.js'
import { storeFailure } from '../log/fs-failure.js'
import { DIGEST_ALGORITHMS } from '../oci/digest.js'
import { BLOBS_FOLDER } from '../oci/image-layout.js'

/**
 * Makes sure that what stands in the place of blobs/ and of its folders are folders. Whoever removes blobs must not do so behind a
 * link, where another cache may need them, or where they are no blobs. The cache as a whole may be a link. RELIABILITY 7.4, L2.
 * Synchronous: every opening for writing looks, and four trips to libuv's threads would cost it a millisecond.
 * @throws HearthError LAYOUT_INVALID for a link or a file; STORE_FAILED.
 */
export function checkBlobFolders(root: string): void {
  for (const name of [BLOBS_FOLDER, ...DIGEST_ALGORITHMS.map((algorithm) => `${BLOBS_FOLDER}/${algorithm}`)]) {
    const path = join(root, name)
    if (!isElse(path)) continue
    const message = `${path} is a link or a file, not a folder: only a cache as a whole can lie elsewhere`
    throw new HearthError('LAYOUT_INVALID', message, { path })
  }
}

/** Nothing at all is as good as a folder. */
function isElse(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === false
  } catch (error) {
    throw storeFailure(error, `look at ${path}`)
  }
}
