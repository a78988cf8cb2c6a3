import { rm, rmdir } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { isDigest, isDigestAlgorithm } from '../oci/digest.js'
import { BLOBS_FOLDER } from '../oci/image-layout.js'
import { listBlobs } from './fs-blob-list.js'
import { guardedAsync, hasCode } from './fs-error.js'
import type { SweepOptions, Swept } from './swept.js'

/** Other tools keep what they are writing under blobs/ too. A download that has not moved for so long has died. */
export const STRAY_AGE_MS = 60 * 60 * 1000

/**
 * Removes what lies under blobs/ and can be no blob: what a tool that was killed left of its temporary files, links, pipes,
 * empty folders. Nothing refers to such a name, so the log need not be asked. Folders of algorithms that hearth does not know
 * are left alone, as are those that hold something. Idempotent.
 */
export async function removeStrays(root: string, { now, dryRun = false }: SweepOptions): Promise<Swept> {
  const blobs = join(resolve(root), BLOBS_FOLDER)
  let [count, bytes] = [0, 0]
  for await (const { path, size, changedMs } of listBlobs(resolve(root))) {
    if (changedMs >= now - STRAY_AGE_MS || !isStray(path, blobs)) continue
    if (!dryRun && !(await remove(path))) continue
    count += 1
    bytes += size
  }
  return { count, bytes }
}

/**
 * What is no file, but has a blob's name, stays: a reference may name it, and verify says what is wrong with it. So does what stands
 * in the place of a folder of blobs: behind a link, they all lie.
 */
function isStray(path: string, blobs: string): boolean {
  if (path === blobs) return false
  if (dirname(path) === blobs) return !isDigestAlgorithm(basename(path))
  const algorithm = basename(dirname(path))
  return isDigestAlgorithm(algorithm) && !isDigest(`${algorithm}:${basename(path)}`)
}

/** Not fsynced: what a power cut brings back is removed the next time. */
async function remove(path: string): Promise<boolean> {
  return guardedAsync({ step: 'remove', path }, async () => {
    try {
      await rm(path, { force: true })
      return true
    } catch (error) {
      if (!hasCode(error, 'ERR_FS_EISDIR', 'EISDIR')) throw error
    }
    try {
      await rmdir(path)
      return true
    } catch (error) {
      if (hasCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT')) return false
      throw error
    }
  })
}
