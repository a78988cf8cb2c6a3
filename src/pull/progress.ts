import type { Failure } from '../errors.js'
import type { Digest } from '../oci/digest.js'

/** What a pull reports while it runs. `image` is the canonical reference; sizes are bytes, times milliseconds. */
export type ProgressEvent =
  /** The first event: how many images there are. */
  | { readonly type: 'job-started'; readonly images: number }
  /**
   * Nobody asks this host for so long: it wants that (`asked`), or it cannot be reached and one request at a time finds out
   * whether it is back (`unreachable`). A later one counts instead of an earlier one.
   */
  | {
      readonly type: 'host-paused'
      readonly host: string
      readonly delayMs: number
      readonly reason: 'asked' | 'unreachable'
    }
  | { readonly type: 'image-started'; readonly image: string }
  | { readonly type: 'image-resolved'; readonly image: string; readonly digest: Digest }
  | {
      readonly type: 'image-planned'
      readonly image: string
      /** Blobs and bytes still to fetch for this image; the rest is present. */
      readonly blobs: number
      readonly bytes: number
      readonly presentBytes: number
    }
  | { readonly type: 'image-done'; readonly image: string; readonly digest: Digest; readonly fetchedBytes: number }
  | { readonly type: 'image-failed'; readonly image: string; readonly failure: Failure }
  | { readonly type: 'blob-started'; readonly digest: Digest; readonly size: number; readonly host: string }
  /** `bytes` accounted for so far, from 0 to `size`; may fall when a download starts over. */
  | { readonly type: 'blob-progress'; readonly digest: Digest; readonly size: number; readonly bytes: number }
  | {
      readonly type: 'blob-waiting'
      readonly digest: Digest
      readonly for: 'another-process'
      /** The one that fetches the blob, if that is known. */
      readonly pid?: number
    }
  | {
      readonly type: 'blob-retry'
      readonly digest: Digest
      readonly attempt: number
      readonly delayMs: number
      readonly failure: Failure
    }
  /** Given up, for good or because nobody wants it any more. */
  | { readonly type: 'blob-failed'; readonly digest: Digest; readonly failure: Failure }
  | { readonly type: 'blob-done'; readonly digest: Digest; readonly size: number; readonly resumedBytes: number }
  | {
      readonly type: 'request-retry'
      readonly image: string
      readonly attempt: number
      readonly delayMs: number
      readonly failure: Failure
    }

export type OnProgress = (event: ProgressEvent) => void
