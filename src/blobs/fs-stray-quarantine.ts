import { lstat, rename } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { HearthError } from '../errors.js'
import { QUARANTINE_FOLDER } from '../oci/image-layout.js'
import { guardedAsync, hasCode } from './fs-error.js'
import { ensureFolder, PRIVATE, syncFolder } from './fs-folder.js'
import { STRAY_AGE_MS } from './fs-stray-sweep.js'

/**
 * Moves something that is no blob out of blobs/, under a name of its own. Gone meanwhile: nothing to do.
 * @param now milliseconds since 1970.
 * @throws HearthError STORE_BUSY for what is so young that another tool may be writing it.
 */
export async function putStrayAside(root: string, path: string, now: number): Promise<void> {
  const folder = join(root, QUARANTINE_FOLDER)
  await ensureFolder(folder, PRIVATE)
  await guardedAsync({ step: 'rename', path }, async () => {
    try {
      const { mtimeMs } = await lstat(path)
      if (mtimeMs > now - STRAY_AGE_MS) throw tooYoung(path)
      await rename(path, join(folder, `${basename(path)}.${globalThis.crypto.randomUUID()}`))
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error
    }
  })
  await syncFolder(folder)
  await syncFolder(dirname(path))
}

function tooYoung(path: string): HearthError {
  return new HearthError('STORE_BUSY', 'it is less than an hour old: another tool may be writing it', { path })
}
