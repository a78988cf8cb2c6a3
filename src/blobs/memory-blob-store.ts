import { HearthError } from '../errors.js'
import { type Digest, isDigest } from '../oci/digest.js'
import { blobPath, digestFileName } from '../oci/image-layout.js'
import { type BlobPiece, verifiedPieces } from './blob-pieces.js'
import type { BlobEntry, BlobStat, BlobStore, CommittedBlob, ReadyIngest } from './blob-store.js'
import { checkDigest } from './check-digest.js'

interface StoredBlob {
  readonly bytes: Uint8Array
  readonly mtimeMs: number
}

/** Adapter: blobs in memory, for stories and tests that need no disk. Its paths name things, but open nothing. */
export class MemoryBlobStore implements BlobStore {
  readonly #ingests = new Map<Digest, Uint8Array>()
  readonly #blobs = new Map<string, StoredBlob>()
  readonly #quarantine = new Map<Digest, Uint8Array>()
  /** Counts changes instead of milliseconds: all that matters of a modification time is that it differs. */
  #changes = 0

  async stat(digest: Digest): Promise<BlobStat | undefined> {
    const blob = this.#blobs.get(this.pathOf(digest))
    return blob && { size: blob.bytes.length, mtimeMs: blob.mtimeMs }
  }

  async read(digest: Digest, { maxBytes }: { readonly maxBytes: number }): Promise<Uint8Array> {
    const blob = this.#blobs.get(this.pathOf(digest))
    if (blob === undefined) throw new HearthError('BLOB_UNKNOWN', `no blob ${digest}`, { digest })
    const size = blob.bytes.length
    if (size > maxBytes) {
      throw new HearthError('MANIFEST_TOO_LARGE', `${digest} has ${size} bytes`, { digest, size, maxBytes })
    }
    await checkDigest(digest, blob.bytes)
    return blob.bytes.slice()
  }

  async *stream(digest: Digest, { from = 0 }: { readonly from?: number } = {}): AsyncIterable<Uint8Array> {
    const blob = this.#blobs.get(this.pathOf(digest))
    if (blob === undefined) throw new HearthError('BLOB_UNKNOWN', `no blob ${digest}`, { digest })
    yield* verifiedPieces(digest, halves(blob.bytes), from)
  }

  pathOf(digest: Digest): string {
    return `memory:/${blobPath(digest)}`
  }

  async ingestPath(digest: Digest): Promise<string> {
    return `memory:/ingest/${digestFileName(digest)}`
  }

  async stage(digest: Digest, bytes: Uint8Array): Promise<ReadyIngest> {
    await checkDigest(digest, bytes)
    this.#ingests.set(digest, bytes.slice())
    return { digest, size: bytes.length }
  }

  async commit(ingests: readonly ReadyIngest[]): Promise<readonly CommittedBlob[]> {
    for (const ingest of ingests) this.#check(ingest)
    return [...new Set(ingests.map(({ digest }) => digest))].map((digest) => {
      const staged = this.#ingests.get(digest)
      if (staged !== undefined) this.put(this.pathOf(digest), staged)
      this.#ingests.delete(digest)
      const { bytes, mtimeMs } = this.#blobs.get(this.pathOf(digest)) ?? { bytes: new Uint8Array(), mtimeMs: 0 }
      return { digest, size: bytes.length, mtimeMs }
    })
  }

  /** Memory is as durable as it gets here. */
  async flush(): Promise<void> {}

  async remove(digests: readonly Digest[]): Promise<void> {
    for (const digest of digests) this.#blobs.delete(this.pathOf(digest))
  }

  async quarantine(digest: Digest): Promise<void> {
    const blob = this.#blobs.get(this.pathOf(digest))
    if (blob === undefined) return
    this.#quarantine.set(digest, blob.bytes)
    this.#blobs.delete(this.pathOf(digest))
  }

  async *list(): AsyncIterable<BlobEntry> {
    for (const [path, { bytes, mtimeMs }] of [...this.#blobs]) {
      const digest = path.split('/').slice(-2).join(':')
      yield { path, ...(isDigest(digest) && { digest }), size: bytes.length, changedMs: mtimeMs }
    }
  }

  /** Puts bytes at a path as another tool might, unchecked: damage, or a stray. */
  put(path: string, bytes: Uint8Array): void {
    this.#changes += 1
    this.#blobs.set(path, { bytes, mtimeMs: this.#changes })
  }

  #check({ digest, size }: ReadyIngest): void {
    const bytes = this.#ingests.get(digest) ?? this.#blobs.get(this.pathOf(digest))?.bytes
    if (bytes === undefined) throw new HearthError('BLOB_UNKNOWN', `nothing is staged for ${digest}`, { digest })
    if (bytes.length === size) return
    const details = { digest, expected: size, actual: bytes.length }
    throw new HearthError('SIZE_MISMATCH', `the ingest of ${digest} has another size`, details)
  }
}

/** Two pieces, so that a story sees what is passed on before the digest is known. */
async function* halves(bytes: Uint8Array): AsyncGenerator<BlobPiece> {
  const middle = bytes.length >> 1
  yield { offset: 0, bytes: bytes.slice(0, middle) }
  yield { offset: middle, bytes: bytes.slice(middle) }
}
