import type { Descriptor } from '../oci/descriptor.js'
import type { Manifest } from '../oci/manifest.js'
import type { Bytes } from './bytes.js'

/** What an image can be written as. */
export type ExportFormat = 'oci' | 'oci-dir' | 'docker' | 'filesystem'
export const EXPORT_FORMATS: readonly ExportFormat[] = ['oci', 'oci-dir', 'docker', 'filesystem']

/** One platform of an image, as it would run. */
export interface PlatformImage {
  readonly descriptor: Descriptor
  readonly manifest: Manifest
}

/** An image with all that goes with it. */
export interface ExportedImage {
  /** In the archive; absent for an image without a name. */
  readonly name?: string
  /** What the name stands for: the whole index, or one platform's manifest. */
  readonly root: Descriptor
  /** Manifests, configs and layers, each once. */
  readonly blobs: readonly Descriptor[]
  readonly platforms: readonly string[]
  /** What runs, where the format holds one platform. */
  readonly single?: PlatformImage
}

/** Port: blobs of the cache, read from front to back. */
export interface BlobReader {
  /**
   * The bytes of one blob, hashed while they pass. The same blob may be read any number of times.
   * @throws HearthError BLOB_UNKNOWN, SIZE_MISMATCH or DIGEST_MISMATCH; the last piece only comes when all of it is right.
   */
  read(descriptor: Descriptor): Bytes
}
