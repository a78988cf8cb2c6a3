import type { Stats } from 'node:fs'
import { chmod, lstat, readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { BLOBS_FOLDER, HEARTH_FOLDER, INDEX_FILE, OCI_LAYOUT_FILE } from '../oci/image-layout.js'
import { guardedAsync, hasCode } from './fs-error.js'
import { type LooseEntry, type Permissions, wantedMode } from './permissions.js'

const RIGHTS = 0o777

/** Adapter: the layout's own files, everything under blobs/, and the door of `.hearth/`. */
export class FsPermissions implements Permissions {
  readonly #root: string

  /** @param root the cache's folder; its own rights are its owner's business, as with the volumes of containers. */
  constructor(root: string) {
    this.#root = resolve(root)
  }

  async *loose(): AsyncIterable<LooseEntry> {
    yield* look(join(this.#root, HEARTH_FOLDER), 'private')
    for (const name of [INDEX_FILE, OCI_LAYOUT_FILE]) yield* look(join(this.#root, name), 'public')
    yield* walk(join(this.#root, BLOBS_FOLDER), 2)
  }

  async tighten({ path, wanted }: LooseEntry): Promise<void> {
    await guardedAsync({ step: 'chmod', path }, async () => {
      // What stands there now may be a link, which chmod would follow.
      if (!(await lstat(path)).isSymbolicLink()) await chmod(path, wanted)
    })
  }
}

async function* walk(folder: string, levels: number): AsyncIterable<LooseEntry> {
  yield* look(folder, 'public')
  if (levels === 0) return
  for (const name of await namesIn(folder)) {
    const path = join(folder, name)
    if ((await statOf(path))?.isDirectory()) yield* walk(path, levels - 1)
    else yield* look(path, 'public')
  }
}

async function* look(path: string, who: 'private' | 'public'): AsyncIterable<LooseEntry> {
  const stat = await statOf(path)
  if (stat === undefined || (!stat.isFile() && !stat.isDirectory())) return
  const mode = stat.mode & RIGHTS
  const wanted = wantedMode(mode, who === 'private' ? who : stat.isDirectory() ? 'folder' : 'file')
  if (wanted !== mode) yield { path, mode, wanted }
}

async function statOf(path: string): Promise<Stats | undefined> {
  return await guardedAsync({ step: 'read', path }, async () => {
    try {
      return await lstat(path)
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return undefined
      throw error
    }
  })
}

/** What may not be listed is reported itself. */
async function namesIn(folder: string): Promise<readonly string[]> {
  return await guardedAsync({ step: 'read', path: folder }, async () => {
    try {
      return await readdir(folder)
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return []
      throw error
    }
  })
}
