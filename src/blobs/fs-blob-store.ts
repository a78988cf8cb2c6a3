import { existsSync } from 'node:fs'
import { unlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { HearthError } from '../errors.js'
import type { Digest } from '../oci/digest.js'
import { blobPath, digestFileName, INGEST_FOLDER } from '../oci/image-layout.js'
import type { BlobEntry, BlobStat, BlobStore, CommittedBlob, ReadyIngest } from './blob-store.js'
import { checkDigest } from './check-digest.js'
import { readBlob, statBlob } from './fs-blob-file.js'
import { listBlobs } from './fs-blob-list.js'
import { streamBlob } from './fs-blob-stream.js'
import { commitIngests } from './fs-commit.js'
import { guardedAsync, hasCode } from './fs-error.js'
import { flushFiles } from './fs-flush.js'
import { KnownFolder, PRIVATE, syncFolder } from './fs-folder.js'
import { hasState, ingestDataPath } from './fs-ingest-data.js'
import { moveToQuarantine } from './fs-quarantine.js'
import { stageBytes } from './fs-stage.js'

/** Adapter: the blobs of an OCI image layout on a local disk, with the ingests beside them under .hearth/. */
export class FsBlobStore implements BlobStore {
  readonly #root: string
  readonly #ingests: KnownFolder
  /** Files of what was staged and is not committed yet. */
  readonly #staged = new Map<Digest, Promise<string>>()

  /** @param root the cache's folder. Nothing is created before it is needed. */
  constructor(root: string) {
    this.#root = resolve(root)
    this.#ingests = new KnownFolder(join(this.#root, INGEST_FOLDER), PRIVATE)
  }

  async stat(digest: Digest): Promise<BlobStat | undefined> {
    return statBlob(this.pathOf(digest))
  }

  async read(digest: Digest, { maxBytes }: { readonly maxBytes: number }): Promise<Uint8Array> {
    const tooLarge = (size: number): HearthError =>
      new HearthError('MANIFEST_TOO_LARGE', `${digest} has ${size} bytes`, { digest, size, maxBytes })
    const bytes = readBlob(this.pathOf(digest), maxBytes, tooLarge)
    await checkDigest(digest, bytes)
    return bytes
  }

  stream(digest: Digest, { from = 0 }: { readonly from?: number } = {}): AsyncIterable<Uint8Array> {
    return streamBlob(this.pathOf(digest), digest, from)
  }

  pathOf(digest: Digest): string {
    return join(this.#root, blobPath(digest))
  }

  async ingestPath(digest: Digest): Promise<string> {
    await this.#ingests.ensure()
    return this.#ingestPath(digest)
  }

  async stage(digest: Digest, bytes: Uint8Array): Promise<ReadyIngest> {
    await checkDigest(digest, bytes)
    const earlier = this.#staged.get(digest)
    // What was not committed for an hour is swept.
    if (earlier !== undefined && !existsSync(await earlier)) this.#forget(digest, earlier)
    const staged = this.#staged.get(digest) ?? this.#write(digest, bytes)
    this.#staged.set(digest, staged)
    try {
      await staged
    } catch (error) {
      this.#forget(digest, staged)
      throw error
    }
    return { digest, size: bytes.length }
  }

  async commit(ingests: readonly ReadyIngest[]): Promise<readonly CommittedBlob[]> {
    const staged = new Map(ingests.map(({ digest }) => [digest, this.#staged.get(digest)]))
    const sealed = ingests.map(async (ingest) => {
      const data = await staged.get(ingest.digest)
      if (data !== undefined) return { ...ingest, data }
      const path = this.#ingestPath(ingest.digest)
      const hasFolder = hasState(ingest.size)
      return { ...ingest, data: ingestDataPath(path, ingest.size), ...(hasFolder && { folder: path }) }
    })
    const committed = await commitIngests(this.#root, await Promise.all(sealed))
    for (const { digest } of committed) this.#forget(digest, staged.get(digest))
    return committed
  }

  async flush(digests: readonly Digest[], { signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    await flushFiles(
      digests.map((digest) => this.pathOf(digest)),
      signal,
    )
  }

  async remove(digests: readonly Digest[]): Promise<void> {
    for (const digest of digests) await this.#unlink(this.pathOf(digest))
    for (const folder of new Set(digests.map((digest) => dirname(this.pathOf(digest))))) await syncFolder(folder)
  }

  async quarantine(digest: Digest): Promise<void> {
    await moveToQuarantine(this.#root, digest)
  }

  list(): AsyncIterable<BlobEntry> {
    return listBlobs(this.#root)
  }

  #ingestPath(digest: Digest): string {
    return join(this.#root, INGEST_FOLDER, digestFileName(digest))
  }

  /** Unless it was staged anew since. */
  #forget(digest: Digest, staged: Promise<string> | undefined): void {
    if (this.#staged.get(digest) === staged) this.#staged.delete(digest)
  }

  /** Under a name of its own: whoever stages holds no claim, and another process may stage the same bytes. */
  async #write(digest: Digest, bytes: Uint8Array): Promise<string> {
    const path = `${this.#ingestPath(digest)}.${globalThis.crypto.randomUUID()}`
    await this.#ingests.ensure()
    await stageBytes(path, bytes)
    return path
  }

  async #unlink(path: string): Promise<void> {
    await guardedAsync({ step: 'remove', path }, async () => {
      try {
        await unlink(path)
      } catch (error) {
        // EISDIR: a folder in a blob's place counts as absent, here as everywhere.
        if (!hasCode(error, 'ENOENT', 'ENOTDIR', 'EISDIR')) throw error
      }
    })
  }
}
