import { lstat, lutimes, mkdir, open, readdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { guardedAsync, hasCode } from '../blobs/fs-error.js'
import { checksumText } from '../oci/hasher.js'
import { USED_FOLDER } from '../oci/image-layout.js'
import { inLanes } from './lanes.js'
import type { Uses } from './uses.js'

/** A use that was noted less than this ago is not noted again: reading an image a thousand times a second costs one write. */
const TOUCH_EVERY_MS = 30_000
/** As many as libuv has threads. */
const LANES = 4

/**
 * Adapter: an empty file for each reference, whose modification time is the last use. Its name is the checksum of the
 * reference, which may have any length and any characters. Nothing is fsynced.
 */
export class FsUses implements Uses {
  readonly #folder: string
  readonly #now: () => number

  /** @param root the cache's folder. @param now milliseconds since 1970. */
  constructor(root: string, now: () => number = Date.now) {
    this.#folder = join(resolve(root), USED_FOLDER)
    this.#now = now
  }

  async touch(references: Iterable<string>): Promise<void> {
    await inLanes(references, (reference) => this.#touch(this.#pathOf(reference)), { lanes: LANES })
  }

  async lastUses(references: Iterable<string>): Promise<ReadonlyMap<string, number>> {
    const uses = new Map<string, number>()
    const look = async (reference: string): Promise<void> => {
      const path = this.#pathOf(reference)
      const use = await guardedAsync({ step: 'read', path }, () => mtimeOf(path))
      if (use !== undefined) uses.set(reference, use)
    }
    await inLanes(references, look, { lanes: LANES })
    return uses
  }

  async keepOnly(references: Iterable<string>): Promise<void> {
    const kept = new Set(Array.from(references, checksumText))
    const path = this.#folder
    await guardedAsync({ step: 'remove', path }, async () => {
      for (const name of await namesIn(path)) if (!kept.has(name)) await rm(join(path, name), { force: true })
    })
  }

  async #touch(path: string): Promise<void> {
    try {
      const now = this.#now()
      const before = await mtimeOf(path)
      // A clock that was ahead may have noted one that is still to come.
      if (before !== undefined && Math.abs(now - before) < TOUCH_EVERY_MS) return
      if (before === undefined) await this.#create(path)
      await lutimes(path, now / 1000, now / 1000)
    } catch (error) {
      // A read-only cache, somebody else's, a full disk, no cache of hearth's at all: whatever the reason, it is no failure.
      if (!(error instanceof Error && 'errno' in error)) throw error
    }
  }

  async #create(path: string): Promise<void> {
    try {
      await (await open(path, 'a', 0o600)).close()
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error
      await this.#makeFolder()
      await (await open(path, 'a', 0o600)).close()
    }
  }

  /** Not its parents: a folder that is no cache does not become one by being looked at. */
  async #makeFolder(): Promise<void> {
    try {
      await mkdir(this.#folder, { mode: 0o700 })
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error
    }
  }

  #pathOf(reference: string): string {
    return join(this.#folder, checksumText(reference))
  }
}

async function mtimeOf(path: string): Promise<number | undefined> {
  try {
    return (await lstat(path)).mtimeMs
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return []
    throw error
  }
}
