import { mkdir, rename } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { errnoOf, storeFailure } from '../log/fs-failure.js'
import { syncFolder } from '../log/fs-sync-folder.js'
import { QUARANTINE_FOLDER } from '../oci/image-layout.js'

/** Moves a file of the layout under .hearth/quarantine, under a name of its own. Nothing there: nothing to do. */
export async function keepAside(root: string, name: string): Promise<void> {
  const folder = join(root, QUARANTINE_FOLDER)
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await rename(join(root, name), join(folder, `${basename(name)}.${globalThis.crypto.randomUUID()}`))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return
    throw storeFailure(error, `move ${name} aside`)
  }
  // First where it went: a power cut in between must not lose it altogether.
  await syncFolder(folder)
  await syncFolder(join(root, name, '..'))
}
