import type { Digest } from '../oci/digest.js'
import type { BlobStore, ReadyIngest } from './blob-store.js'

/** A file of another layout on this machine. */
export interface ForeignFile extends ReadyIngest {
  /** Absolute. */
  readonly path: string
}

/**
 * Port: blobs on their way into a store from elsewhere than a registry. They are whole and verified, but nobody sees them
 * before they are committed, and those that are not committed go when it is closed, or when its process has died.
 */
export interface Staging {
  /**
   * Writes and hashes a blob. Staged twice, it is kept once.
   * @param expected what it has to be; without it, the digest is SHA-256.
   * @throws HearthError DIGEST_MISMATCH (and keeps nothing), NO_SPACE, STORE_READ_ONLY or STORE_FAILED.
   */
  stage(bytes: AsyncIterable<Uint8Array>, expected?: Digest): Promise<ReadyIngest>
  /**
   * The same for a file: shares its extents where the file system can, and with `link` the file itself if nobody may write to
   * it. What is shared is hashed like the rest.
   * @throws HearthError also BLOB_UNKNOWN and SIZE_MISMATCH
   */
  stageFile(file: ForeignFile, options?: { readonly link?: boolean }): Promise<ReadyIngest>
  /** Bytes of a staged blob; undefined when there is none such. */
  size(digest: Digest): number | undefined
  /** A staged blob in pieces, hashed again. */
  stream(digest: Digest): AsyncIterable<Uint8Array>
  /** Makes staged blobs visible, as {@link BlobStore.commit}. */
  readonly commit: BlobStore['commit']
  /** Removes what was not committed. Idempotent. */
  close(): Promise<void>
}
