import type { DigestAlgorithm } from '../src/oci/digest.js'

/** What a hash thread starts with. */
export interface HashThreadData {
  /** Absolute path of the ingest's data. */
  readonly path: string
  readonly algorithm: DigestAlgorithm
  /** See {@link WRITTEN} and {@link END}. */
  readonly control: SharedArrayBuffer
}

/** Slots of the control, 64 bits each: bytes on disk so far; where to end, -1 while that is not known, -2 for never mind. */
export const WRITTEN = 0
export const END = 1
export const UNKNOWN = -1n
export const NEVER_MIND = -2n
