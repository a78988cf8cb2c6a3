import type { Failure } from '../errors.js'
import type { Digest } from '../oci/digest.js'

/** One image of a pull that is in the cache now. */
export interface PulledImage {
  readonly ok: true
  /** As the caller wrote it. */
  readonly requested: string
  /** Canonical. */
  readonly reference: string
  readonly digest: Digest
  readonly platforms: readonly string[]
  /** Bytes of the image in the cache: root, manifests, configs and layers of those platforms. */
  readonly size: number
  /** Bytes and blobs this pull fetched for it; shared blobs count for the image that asked first. */
  readonly fetchedBytes: number
  readonly fetchedBlobs: number
  /** The reference is new, or names another digest than before. */
  readonly changed: boolean
  /** With `newer`: why the registry could not be asked; what the cache has stands. */
  readonly unchecked?: Failure
}

export interface FailedImage {
  readonly ok: false
  /** As it was given, but never with a user or password. */
  readonly requested: string
  /** Absent when the text could not even be parsed. */
  readonly reference?: string
  readonly failure: Failure
}

export type PullResult = PulledImage | FailedImage

/** One result for each reference, in the order they were given. One failure does not stop the others. */
export interface PullReport {
  readonly results: readonly PullResult[]
}
