import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { HearthError, isHearthError } from '../errors.js'
import { acquireLock } from '../lock/fs-lock.js'
import { storeFailure } from '../log/fs-failure.js'
import { INDEX_FILE, LINUXKIT_LOCK, MATERIALISED_FILE } from '../oci/image-layout.js'
import { keepAside } from './fs-keep-aside.js'
import { readWhole } from './fs-read-file.js'
import { replaceFile, sweepTemporaries } from './fs-replace-file.js'
import type { IndexFile, OpenIndexFile } from './index-file.js'

export interface FsIndexFileOptions {
  /** Of the cache; initialised. */
  readonly root: string
  /** How long to wait for a tool that has index.json locked. */
  readonly lockTimeoutMs: number
  /** Called when the wait is one that people notice. */
  readonly onWait?: () => void
}

/** 100,000 references take some 50 MB. Anything above was not meant to be an index.json. */
export const MAX_INDEX_BYTES = 256 * 1024 * 1024

/**
 * index.json of a cache on disk. What we write to it is first kept beside the log as the next base, and becomes the base
 * once index.json is in place. So a crash at any point leaves us knowing whether index.json is still what we made of it.
 */
export class FsIndexFile implements IndexFile {
  readonly #root: string
  readonly #lockTimeoutMs: number
  readonly #onWait: () => void
  readonly #index: string
  readonly #base: string
  readonly #next: string

  constructor({ root, lockTimeoutMs, onWait = () => {} }: FsIndexFileOptions) {
    this.#root = root
    this.#onWait = onWait
    this.#lockTimeoutMs = lockTimeoutMs
    this.#index = join(root, INDEX_FILE)
    this.#base = join(root, MATERIALISED_FILE)
    this.#next = `${this.#base}.next`
  }

  async exclusively<T>(work: (file: OpenIndexFile) => Promise<T>): Promise<T> {
    const timeoutMs = this.#lockTimeoutMs
    // LinuxKit takes an fcntl lock on this file, which an OFD lock excludes. It is LinuxKit's: we leave no mark in it.
    const lock = await acquireLock(join(this.#root, LINUXKIT_LOCK), {
      sign: false,
      timeoutMs,
      onWait: this.#onWait,
      busy: () => new HearthError('STORE_BUSY', `index.json stayed locked for ${timeoutMs} ms`, { timeoutMs }),
    })
    try {
      return await work({
        current: () => this.read(),
        base: () => this.#readBase(),
        replace: (bytes) => this.#replace(bytes),
        setAside: () => keepAside(this.#root, INDEX_FILE),
        setBaseAside: () => this.#setBaseAside(),
      })
    } finally {
      await lock.release()
    }
  }

  async read(): Promise<Uint8Array | undefined> {
    return readWhole(this.#index, MAX_INDEX_BYTES)
  }

  async lastWritten(): Promise<Uint8Array | undefined> {
    try {
      return await this.#readLastWritten()
    } catch (error) {
      // It lies among what is its owner's alone.
      if (isHearthError(error, 'STORE_FAILED') && error.details.errno === 'EACCES') return undefined
      throw error
    }
  }

  async #readLastWritten(): Promise<Uint8Array | undefined> {
    const next = await readWhole(this.#next, MAX_INDEX_BYTES)
    const current = next && (await this.read())
    if (next !== undefined && current !== undefined && Buffer.compare(current, next) === 0) return next
    return readWhole(this.#base, MAX_INDEX_BYTES)
  }

  async #readBase(): Promise<Uint8Array | undefined> {
    const next = await readWhole(this.#next, MAX_INDEX_BYTES)
    if (next === undefined) return readWhole(this.#base, MAX_INDEX_BYTES)
    // A crash came between writing `next` and taking it for the base.
    const current = await this.read()
    if (current !== undefined && Buffer.compare(current, next) === 0) {
      await move(this.#next, this.#base)
      return next
    }
    await remove(this.#next)
    return readWhole(this.#base, MAX_INDEX_BYTES)
  }

  async #setBaseAside(): Promise<void> {
    for (const name of [`${MATERIALISED_FILE}.next`, MATERIALISED_FILE]) await keepAside(this.#root, name)
  }

  async #replace(bytes: Uint8Array): Promise<void> {
    // Nobody else writes these while we have the lock.
    await sweepTemporaries(this.#next)
    await sweepTemporaries(this.#index)
    await replaceFile(this.#next, bytes)
    await replaceFile(this.#index, bytes)
    // Not fsynced: if a power cut undoes it, `next` is there again and says the same.
    await move(this.#next, this.#base)
  }
}

async function move(from: string, to: string): Promise<void> {
  try {
    await rename(from, to)
  } catch (error) {
    throw storeFailure(error, `rename ${from}`)
  }
}

async function remove(path: string): Promise<void> {
  try {
    await rm(path, { force: true })
  } catch (error) {
    throw storeFailure(error, `remove ${path}`)
  }
}
