import { appendFileSync } from 'node:fs'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type Lock, tryLock } from '../lock/fs-lock.js'
import { type Digest, isDigest } from '../oci/digest.js'
import { LEASES_FOLDER } from '../oci/image-layout.js'
import { type Leases, leasesEnded } from './blob-store.js'
import { guarded, guardedAsync, hasCode } from './fs-error.js'
import { ensureFolder, PRIVATE } from './fs-folder.js'

/** The file of this process: locked as long as the lease lasts. */
interface OwnFile {
  readonly path: string
  readonly lock: Lock
}

/**
 * Adapter: one file per process, a digest a line, locked while the process lives. Whoever can lock somebody else's file has
 * found a dead one. Not fsynced: a lease does not outlive its process, let alone a reboot.
 */
export class FsLeases implements Leases {
  readonly #folder: string
  readonly #digests = new Set<Digest>()
  #own: Promise<OwnFile> | undefined
  #isReleased = false

  /** @param root the cache's folder. */
  constructor(root: string) {
    this.#folder = join(resolve(root), LEASES_FOLDER)
  }

  async lease(digests: Iterable<Digest>): Promise<void> {
    if (this.#isReleased) throw leasesEnded()
    const added = [...new Set(digests)].filter((digest) => !this.#digests.has(digest))
    if (added.length === 0) return
    const { path } = await this.#ownFile()
    // The file is gone then, and would be made anew without a lock.
    if (this.#isReleased) throw leasesEnded()
    // One write: lines of two calls never mix. On a line of its own: a full disk may have cut an earlier write short.
    guarded({ step: 'write', path }, () => appendFileSync(path, `\n${added.join('\n')}\n`))
    for (const digest of added) this.#digests.add(digest)
  }

  async leased(): Promise<ReadonlySet<Digest>> {
    const all = new Set<Digest>(this.#digests)
    const own = (await this.#own)?.path
    for (const name of await this.#names()) {
      const path = join(this.#folder, name)
      if (path === own) continue
      for (const digest of await this.#readOrForget(path)) all.add(digest)
    }
    return all
  }

  async release(): Promise<void> {
    this.#isReleased = true
    const own = this.#own
    this.#own = undefined
    this.#digests.clear()
    if (own !== undefined) await forget(await own)
  }

  async #ownFile(): Promise<OwnFile> {
    this.#own ??= this.#create()
    try {
      return await this.#own
    } catch (error) {
      // A full disk now must not refuse every lease later.
      this.#own = undefined
      throw error
    }
  }

  async #create(): Promise<OwnFile> {
    await ensureFolder(this.#folder, PRIVATE)
    for (;;) {
      const path = join(this.#folder, globalThis.crypto.randomUUID())
      const lock = await tryLock(path, { sign: false })
      if (lock !== undefined) return { path, lock }
      // Someone who reads all leases looked at the file between its creation and our lock, and took it for a dead one.
    }
  }

  async #names(): Promise<readonly string[]> {
    return await guardedAsync({ step: 'read', path: this.#folder }, async () => {
      try {
        return await readdir(this.#folder)
      } catch (error) {
        if (hasCode(error, 'ENOENT')) return []
        throw error
      }
    })
  }

  async #readOrForget(path: string): Promise<readonly Digest[]> {
    const lock = await tryLock(path, { sign: false })
    if (lock === undefined) return await readDigests(path)
    await forget({ path, lock })
    return []
  }
}

/** Removed while it is locked, so that nobody adds to a file without a name. */
async function forget({ path, lock }: OwnFile): Promise<void> {
  try {
    await guardedAsync({ step: 'remove', path }, () => rm(path, { force: true }))
  } finally {
    await lock.release()
  }
}

async function readDigests(path: string): Promise<readonly Digest[]> {
  return await guardedAsync({ step: 'read', path }, async () => {
    try {
      // A line that is being written has no end yet: its owner does not rely on it before the write is done.
      return (await readFile(path, 'latin1')).split('\n').slice(0, -1).filter(isDigest)
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return []
      throw error
    }
  })
}
