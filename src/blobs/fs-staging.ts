import { lstat, mkdir, readdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { HearthError, isHearthError } from '../errors.js'
import { type Lock, tryLock } from '../lock/fs-lock.js'
import { algorithmOf, type Digest } from '../oci/digest.js'
import { createHasher } from '../oci/hasher.js'
import { INGEST_FOLDER } from '../oci/image-layout.js'
import type { CommittedBlob, ReadyIngest } from './blob-store.js'
import { streamBlob } from './fs-blob-stream.js'
import { BufferedFile } from './fs-buffered-file.js'
import { commitIngests, type SealedIngest } from './fs-commit.js'
import { guardedAsync, hasCode } from './fs-error.js'
import { PRIVATE } from './fs-folder.js'
import { shareFile } from './fs-share-file.js'
import type { ForeignFile, Staging } from './staging.js'
import type { SweepOptions, Swept } from './swept.js'

/** A folder for each staging that is under way, and in it a file that is locked as long as its process lives. */
const PREFIX = 'stage-'
const LOCK = 'lock'
export interface StagingOptions {
  readonly durability: 'full' | 'relaxed'
}

/** Adapter: staged blobs in the cache's own folder, so that a commit is a rename. */
export class FsStaging implements Staging {
  readonly #root: string
  readonly #folder: string
  readonly #lock: Lock
  readonly #durability: StagingOptions['durability']
  readonly #staged = new Map<Digest, SealedIngest>()
  #count = 0

  /** @param root of an initialised cache. Takes away first what killed processes have left. */
  static async open(root: string, options: StagingOptions): Promise<FsStaging> {
    await removeDeadStagings(root)
    for (;;) {
      const folder = join(resolve(root), INGEST_FOLDER, `${PREFIX}${globalThis.crypto.randomUUID()}`)
      await guardedAsync({ step: 'mkdir', path: folder }, () => mkdir(folder, { mode: PRIVATE }))
      const lock = await lockIfThere(folder)
      if (lock !== undefined) return new FsStaging(root, folder, lock, options)
      // Someone who looked for dead ones came between the folder and our lock.
    }
  }

  private constructor(root: string, folder: string, lock: Lock, { durability }: StagingOptions) {
    this.#root = resolve(root)
    this.#folder = folder
    this.#lock = lock
    this.#durability = durability
  }

  async stage(bytes: AsyncIterable<Uint8Array>, expected?: Digest): Promise<ReadyIngest> {
    const data = this.#newName()
    const file = await BufferedFile.create(data, 0o600)
    try {
      const hasher = await createHasher(expected === undefined ? 'sha256' : algorithmOf(expected))
      let size = 0
      for await (const chunk of bytes) {
        await file.write(chunk)
        hasher.update(chunk)
        size += chunk.length
      }
      const digest = hasher.digest()
      if (expected !== undefined && digest !== expected) throw mismatch(expected, digest)
      await file.seal({ mode: 0o444, durability: this.#durability })
      return await this.#keep({ digest, size, data })
    } catch (error) {
      await file.abandon()
      await remove(data)
      throw error
    }
  }

  async stageFile(file: ForeignFile, { link: mayLink = false } = {}): Promise<ReadyIngest> {
    const { path, digest, size } = file
    const data = this.#newName()
    try {
      const shared = await shareFile(path, data, { link: mayLink, durability: this.#durability })
      if (!shared) return await this.#stageSized(streamBlob(path, digest, 0), file)
      let actual = 0
      for await (const piece of streamBlob(data, digest, 0)) actual += piece.length
      if (actual !== size) throw wrongSize(file, actual)
      return await this.#keep({ digest, size, data })
    } finally {
      if (this.#staged.get(digest)?.data !== data) await remove(data)
    }
  }

  size(digest: Digest): number | undefined {
    return this.#staged.get(digest)?.size
  }

  stream(digest: Digest): AsyncIterable<Uint8Array> {
    const staged = this.#staged.get(digest)
    if (staged === undefined) throw new HearthError('BLOB_UNKNOWN', `${digest} is not staged`, { digest })
    return streamBlob(staged.data, digest, 0)
  }

  readonly commit = async (ingests: readonly ReadyIngest[]): Promise<readonly CommittedBlob[]> => {
    const sealed = ingests.map(({ digest }) => this.#staged.get(digest)).filter((found) => found !== undefined)
    if (sealed.length < ingests.length) throw new TypeError('only what was staged can be committed')
    const committed = await commitIngests(this.#root, sealed)
    for (const { digest } of committed) this.#staged.delete(digest)
    return committed
  }

  async close(): Promise<void> {
    this.#staged.clear()
    try {
      await remove(this.#folder)
    } finally {
      await this.#lock.release()
    }
  }

  async #stageSized(bytes: AsyncIterable<Uint8Array>, file: ForeignFile): Promise<ReadyIngest> {
    const ready = await this.stage(upTo(bytes, file), file.digest)
    if (ready.size !== file.size) throw wrongSize(file, ready.size)
    return ready
  }

  async #keep(staged: SealedIngest): Promise<ReadyIngest> {
    if (this.#staged.has(staged.digest)) await remove(staged.data)
    else this.#staged.set(staged.digest, staged)
    return { digest: staged.digest, size: staged.size }
  }

  #newName(): string {
    this.#count += 1
    return join(this.#folder, `${this.#count}`)
  }
}

/** Removes what processes have staged that are dead by now. Idempotent. */
export async function removeDeadStagings(
  root: string,
  { dryRun = false }: Pick<SweepOptions, 'dryRun'> = {},
): Promise<Swept> {
  let [count, bytes] = [0, 0]
  const ingests = join(resolve(root), INGEST_FOLDER)
  const names = await guardedAsync({ step: 'read', path: ingests }, async () => {
    try {
      return await readdir(ingests)
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return []
      throw error
    }
  })
  for (const name of names.filter(isStaging)) {
    const lock = await lockIfThere(join(ingests, name))
    if (lock === undefined) continue
    try {
      count += 1
      bytes += await sizeOf(join(ingests, name))
      if (!dryRun) await remove(join(ingests, name))
    } finally {
      await lock.release()
    }
  }
  return { count, bytes }
}

/** Whether a folder beside the ingests is one of these: it has an owner, or is removed by whoever finds it without. */
export function isStaging(name: string): boolean {
  return name.startsWith(PREFIX)
}

async function lockIfThere(folder: string): Promise<Lock | undefined> {
  try {
    return await tryLock(join(folder, LOCK), { sign: false })
  } catch (error) {
    if (isHearthError(error, 'STORE_FAILED') && error.details.errno === 'ENOENT') return undefined
    throw error
  }
}

async function sizeOf(folder: string): Promise<number> {
  return await guardedAsync({ step: 'read', path: folder }, async () => {
    let bytes = 0
    for (const name of await readdir(folder, { recursive: true })) {
      bytes += (await lstat(join(folder, name))).blocks * 512
    }
    return bytes
  })
}

async function remove(path: string): Promise<void> {
  await guardedAsync({ step: 'remove', path }, () => rm(path, { recursive: true, force: true }))
}

/** Never more than one piece beyond the size: a file may grow while it is read. */
async function* upTo(bytes: AsyncIterable<Uint8Array>, file: ForeignFile): AsyncGenerator<Uint8Array> {
  let actual = 0
  for await (const piece of bytes) {
    actual += piece.length
    if (actual > file.size) throw wrongSize(file, actual)
    yield piece
  }
}

function mismatch(expected: Digest, actual: Digest): HearthError {
  return new HearthError('DIGEST_MISMATCH', `the bytes of ${expected} are not its own`, { expected, actual })
}

function wrongSize({ digest, size, path }: ForeignFile, actual: number): HearthError {
  const message = `${digest} has another size than its manifest says`
  return new HearthError('SIZE_MISMATCH', message, { digest, expected: size, actual, path })
}
