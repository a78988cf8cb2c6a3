import type { Failure } from '../errors.js'
import type { Digest } from '../oci/digest.js'

/** One image that the registry has now. */
export interface PushedImage {
  readonly ok: true
  /** As the caller wrote it. */
  readonly requested: string
  /** Its name in the cache. */
  readonly reference: string
  /** Its name in the registry, in full. */
  readonly remote: string
  /** What that name stands for: the root, or the manifest of the one platform that was asked for. */
  readonly digest: Digest
  /** Further names that it was given there: `…:1.0-amd64`. */
  readonly tags: readonly string[]
  /** Blobs that were sent, with their bytes; that the registry took from another repository; that it had already. */
  readonly uploadedBlobs: number
  readonly uploadedBytes: number
  readonly mountedBlobs: number
  readonly presentBlobs: number
  /** What refers to the image, and went with it. */
  readonly referrers: number
  /** Some name stands for another digest than before. */
  readonly changed: boolean
}

export interface NotPushed {
  readonly ok: false
  /** As it was given, but never with a user or password. */
  readonly requested: string
  /** Absent when the cache has no such image. */
  readonly reference?: string
  readonly failure: Failure
}

export type PushResult = PushedImage | NotPushed

/** One result for each reference, in the order they were given. One failure does not stop the others. */
export interface PushReport {
  readonly results: readonly PushResult[]
}

/** What a push reports while it runs. */
export type PushProgress =
  | {
      readonly type: 'push-progress'
      readonly blobs: number
      readonly totalBlobs: number
      /** May fall when something has to be sent again. */
      readonly bytes: number
      readonly totalBytes: number
    }
  | {
      readonly type: 'push-retry'
      readonly image: string
      /** Absent for a manifest. */
      readonly digest?: Digest
      readonly attempt: number
      readonly delayMs: number
      readonly failure: Failure
    }
