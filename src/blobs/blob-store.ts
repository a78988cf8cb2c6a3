import { HearthError } from '../errors.js'
import type { Digest } from '../oci/digest.js'

/** What the file system says of a stored blob: enough to notice that it was replaced since it was verified. */
export interface BlobStat {
  /** Bytes. */
  readonly size: number
  readonly mtimeMs: number
}

/** A verified ingest, ready to become visible. */
export interface ReadyIngest {
  readonly digest: Digest
  readonly size: number
}

export interface CommittedBlob extends BlobStat {
  readonly digest: Digest
}

/** One entry found under blobs/. `digest` is absent for a stray: a name that is no digest, or not a regular file. */
export interface BlobEntry {
  /** Absolute. */
  readonly path: string
  readonly digest?: Digest
  readonly size: number
  /** When it was written, renamed or copied here, whatever modification time it was given: milliseconds since 1970. */
  readonly changedMs: number
}

/** Port: bytes at rest. Presence here says nothing about truth; the log does (DESIGN section 7). */
export interface BlobStore {
  /** Regular files only: a link, folder or pipe in a blob's place counts as absent. */
  stat(digest: Digest): Promise<BlobStat | undefined>

  /**
   * The whole blob, verified against its digest.
   * @throws HearthError BLOB_UNKNOWN when absent, DIGEST_MISMATCH when damaged, MANIFEST_TOO_LARGE above `maxBytes`.
   */
  read(digest: Digest, options: { readonly maxBytes: number }): Promise<Uint8Array>

  /**
   * The blob in pieces of at most 1 MiB, from byte `from` on, in constant memory. Each piece is the caller's to keep. All of
   * the blob is hashed, what lies before `from` too, and the last piece is held back until the digest is right: whoever
   * passes on what comes never passes on a whole blob that is not its own.
   * @throws HearthError BLOB_UNKNOWN when absent, DIGEST_MISMATCH when damaged, STORE_FAILED.
   */
  stream(digest: Digest, options?: { readonly from?: number }): AsyncIterable<Uint8Array>

  /** Absolute path of the blob's file, for the workers. */
  pathOf(digest: Digest): string
  /**
   * Absolute path at which this blob's ingest lives; nothing may be there yet. Idempotent. Assumes that the caller holds the
   * blob's claim until the ingest is committed or left.
   */
  ingestPath(digest: Digest): Promise<string>

  /**
   * Writes and fsyncs bytes that are in memory (manifests) into an ingest of their own, ready for commit by this store.
   * Verifies them first. Needs no claim. @throws HearthError DIGEST_MISMATCH, NO_SPACE, STORE_READ_ONLY or STORE_FAILED.
   */
  stage(digest: Digest, bytes: Uint8Array): Promise<ReadyIngest>

  /**
   * Makes verified ingests visible: each renamed to its digest, then every touched folder fsynced once.
   * Atomic for each blob, idempotent, durable on return when the ingests were sealed with `durability: 'full'`.
   */
  commit(ingests: readonly ReadyIngest[]): Promise<readonly CommittedBlob[]>

  /**
   * Brings blobs to the disk that were committed without waiting for it, and their names. Those that are gone need none.
   * Idempotent. @throws HearthError ABORTED between two blobs; STORE_FAILED when the disk refused one.
   */
  flush(digests: readonly Digest[], options?: { readonly signal?: AbortSignal }): Promise<void>

  /** Removes blobs that the caller has proven to be unneeded, then fsyncs their folders. Idempotent. */
  remove(digests: readonly Digest[]): Promise<void>

  /** Moves a damaged blob out of blobs/, so that no tool reads it; it is kept under .hearth/quarantine. */
  quarantine(digest: Digest): Promise<void>

  list(): AsyncIterable<BlobEntry>
}

export interface ClaimOptions {
  readonly signal?: AbortSignal
  /** Called once when the claim has to be waited for, with its holder, if that is known. */
  readonly onWait?: (holder: { readonly pid?: number }) => void
}

/**
 * Port: one download of a blob at a time on this machine. A claim is freed when its holder dies.
 */
export interface Claims {
  /**
   * Waits for the claim, with jitter, for as long as its holder gets on; the signal ends the wait.
   * @throws HearthError STORE_BUSY naming a holder that does not; ABORTED.
   */
  claim(digest: Digest, options?: ClaimOptions): Promise<Claim>
}

export interface Claim {
  /** Whether the claim had to be waited for: someone else may have committed the blob meanwhile. */
  readonly waited: boolean
  release(): Promise<void>
}

/**
 * Port: the blobs that this process relies on or is about to commit. Written *before* the log is asked whether a blob is
 * present; whoever removes blobs reads all leases while it holds the log. Together this keeps removal from taking a blob
 * that a running pull has counted on. A lease ends with its process, however that ends.
 */
export interface Leases {
  /** Adds digests to this process's lease. @throws HearthError ABORTED after {@link release}. */
  lease(digests: Iterable<Digest>): Promise<void>
  /** Digests leased by living processes, this one included. Forgets the leases of dead ones. */
  leased(): Promise<ReadonlySet<Digest>>
  /** Ends this process's lease for good: a job that outlives its run must not begin another one. Idempotent. */
  release(): Promise<void>
}

/** For whoever comes too late. */
export function leasesEnded(): HearthError {
  return new HearthError('ABORTED', 'what the blobs were leased for has ended')
}
