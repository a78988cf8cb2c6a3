import type { ReadyIngest } from '../blobs/blob-store.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'

/** An image that a source offers, under the names that stand there: canonical ones, tags alone, or none. */
export interface OfferedImage {
  readonly root: Descriptor
  readonly names: readonly string[]
  /** What it says to refer to, if it is none of the images that stand for themselves. */
  readonly subject?: Digest
}

/** What a source has. */
export interface Offer {
  readonly images: readonly OfferedImage[]
  /** Bytes of a blob that the source has; undefined for others. */
  size(digest: Digest): Promise<number | undefined>
  /** A manifest or config, verified. @throws HearthError as `BlobStore.read`. */
  read(digest: Digest, options: { readonly maxBytes: number }): Promise<Uint8Array>
  /** Sees that the blob is staged, verified. @throws HearthError DIGEST_MISMATCH, SIZE_MISMATCH … */
  stage(blob: ReadyIngest): Promise<void>
}
