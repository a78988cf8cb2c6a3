import type { Digest } from '../oci/digest.js'

/**
 * What a blob points at: a manifest's config and layers, an index's manifests. Nothing for a layer, and nothing for a
 * blob that is not in the cache: a sparse index names manifests of other platforms that were never fetched.
 */
export type Successors = (digest: Digest) => Iterable<Digest>

/** Pure: the roots and everything they lead to. Follows each digest once, however often and deep it is shared. */
export function reachable(roots: Iterable<Digest>, successors: Successors): ReadonlySet<Digest> {
  const found = new Set(roots)
  // A Set's iteration visits what is added while it runs: it is its own queue, and no depth overflows the stack.
  for (const digest of found) {
    for (const successor of successors(digest)) found.add(successor)
  }
  return found
}

export interface Keepers {
  /** What references need, from {@link reachable}. */
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
