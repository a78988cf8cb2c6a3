import type { Digest } from '../oci/digest.js'

/** Port: what room there is for blobs. Numbers for a decision, out of date as soon as somebody writes. */
export interface DiskSpace {
  /** Bytes that this user may still write to the cache's disk. */
  free(): Promise<number>
  /** Bytes that an unfinished download of the blob already takes. */
  partial(digest: Digest): Promise<number>
}
