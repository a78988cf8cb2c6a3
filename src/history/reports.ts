import type { Failure } from '../errors.js'
import type { Digest } from '../oci/digest.js'

/** One side of a comparison. */
export interface DiffSide {
  readonly position: number
  /** When that record was written, ISO 8601; absent for position 0. */
  readonly at?: string
}

export interface NamedDigest {
  readonly reference: string
  readonly digest: Digest
}

/** How the names of a cache differ between two moments. */
export interface DiffReport {
  readonly from: DiffSide
  readonly to: DiffSide
  readonly added: readonly NamedDigest[]
  readonly removed: readonly NamedDigest[]
  readonly moved: readonly { readonly reference: string; readonly from: Digest; readonly to: Digest }[]
}

export interface RestoreReport {
  /** `changed` is false where the name stood for that image already. */
  readonly restored: readonly (NamedDigest & { readonly changed: boolean })[]
  readonly failed: readonly {
    readonly reference: string
    readonly failure: Failure
    /** Blobs that are not in the cache any more. What lies below a missing manifest is not known. */
    readonly missing: readonly Digest[]
  }[]
}

export interface CompactReport {
  /** Records that were moved. */
  readonly records: number
  /** Positions of the first and the last record of each new archive, and its bytes. */
  readonly archives: readonly { readonly from: number; readonly through: number; readonly size: number }[]
}
