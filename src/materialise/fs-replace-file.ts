import { constants } from 'node:fs'
import { open, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { storeFailure } from '../log/fs-failure.js'
import { withSpace } from '../log/fs-space.js'
import { syncFolder } from '../log/fs-sync-folder.js'

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants

/**
 * Puts a file in place of another, or of none: readers see all of the old or all of the new one, and on return the new
 * one survives a power cut. What a crash leaves behind is `<path>.<pid>.<32 hexadecimal digits>`.
 * @throws HearthError NO_SPACE (with `needed` and `free`), STORE_READ_ONLY or STORE_FAILED; the old file is untouched then, unless the last step
 *   failed, which makes the new name durable.
 */
export async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.${globalThis.crypto.randomUUID().replaceAll('-', '')}`
  try {
    await writeNew(temporary, bytes)
    await rename(temporary, path)
  } catch (error) {
    // What went wrong first is what counts; a file that stays is no harm.
    await rm(temporary, { force: true }).catch((later: unknown) => later)
    throw await withSpace(storeFailure(error, `write ${path}`), dirname(path), bytes.length)
  }
  await syncFolder(dirname(path))
}

/** Removes what killed processes left of their own attempts. Assumes that nobody else replaces this file meanwhile. */
export async function sweepTemporaries(path: string): Promise<void> {
  const folder = dirname(path)
  try {
    for (const name of await readdir(folder)) {
      if (isTemporaryOf(basename(path), name)) await rm(join(folder, name), { force: true })
    }
  } catch (error) {
    throw storeFailure(error, `tidy ${folder}`)
  }
}

/** Whether {@link replaceFile} made this name on its way to a file called `name`. */
export function isTemporaryOf(name: string, found: string): boolean {
  return found.startsWith(`${name}.`) && /^\d+\.[0-9a-f]{32}$/.test(found.slice(name.length + 1))
}

async function writeNew(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o644)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}
