import type { Digest } from '../oci/digest.js'

export interface Keepers {
  /** What references need: their closures. */
  readonly needed: ReadonlySet<Digest>
  /** What running pulls count on. */
  readonly leased: ReadonlySet<Digest>
}

export interface Unneeded {
  /** Sorted, so that the same cache gives the same plan. */
  readonly digests: readonly Digest[]
  readonly bytes: number
}

/** Pure: the blobs that may be removed. Assumes that `needed` and `leased` were read while the log was held. */
export function unneeded(blobs: ReadonlyMap<Digest, { readonly size: number }>, { needed, leased }: Keepers): Unneeded {
  const free = [...blobs].filter(([digest]) => !needed.has(digest) && !leased.has(digest))
  return {
    digests: free.map(([digest]) => digest).sort(),
    bytes: free.reduce((sum, [, { size }]) => sum + size, 0),
  }
}
