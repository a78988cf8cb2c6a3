import { lstat, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Digest } from '../oci/digest.js'
import { blobPath, digestFileName, QUARANTINE_FOLDER } from '../oci/image-layout.js'
import { guardedAsync, hasCode } from './fs-error.js'
import { ensureFolder, PRIVATE, syncFolder } from './fs-folder.js'

/**
 * Moves whatever stands in a blob's place, file or not, out of blobs/; the latest of each digest is kept. Nothing there:
 * nothing to do. Idempotent.
 */
export async function moveToQuarantine(root: string, digest: Digest): Promise<void> {
  const from = join(root, blobPath(digest))
  const to = join(root, QUARANTINE_FOLDER, digestFileName(digest))
  await ensureFolder(dirname(to), PRIVATE)
  const moved = await guardedAsync({ step: 'rename', path: from }, async () => {
    try {
      // What is kept makes room only for what there is.
      await lstat(from)
      // A rename replaces neither a folder by a file nor the other way round.
      await rm(to, { recursive: true, force: true })
      await rename(from, to)
      return true
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ENOTDIR')) return false
      throw error
    }
  })
  if (!moved) return
  // First where it went: a power cut in between must not lose the name altogether.
  await syncFolder(dirname(to))
  await syncFolder(dirname(from))
}
