import type { Swept } from '../blobs/swept.js'
import type { Failure } from '../errors.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'

/** One line of `hearth ls`, read from index.json alone. */
export interface ListedReference {
  readonly reference: string
  readonly digest: Digest
  readonly mediaType: string
  /** Platforms complete in the cache; empty when unknown (names adopted from other tools). */
  readonly platforms: readonly string[]
  /** Bytes of those platforms' content; absent when unknown. */
  readonly size?: number
  /** Whether no budget may take it away. */
  readonly pinned: boolean
}

/** A descriptor of an image with what it points at, and whether its blob is in the cache with the right size. */
export interface InspectedNode {
  /** `blob`: what an index lists besides manifests and indexes. `opaque`: a manifest of a type that hearth does not know. */
  readonly kind: 'index' | 'manifest' | 'config' | 'layer' | 'blob' | 'opaque'
  readonly descriptor: Descriptor
  readonly present: boolean
  readonly children: readonly InspectedNode[]
}

export interface Inspection {
  readonly reference: string
  readonly root: InspectedNode
  /** Bytes of all distinct descriptors in the tree, and of those that are present. */
  readonly totalBytes: number
  readonly presentBytes: number
  /** What in the cache refers to the image: signatures, attestations, bills of materials. */
  readonly referrers: readonly InspectedReferrer[]
}

export interface InspectedReferrer {
  /** As the cache names it: `@<digest>`, or the tag that cosign gave it. */
  readonly reference: string
  readonly digest: Digest
  readonly mediaType: string
  /** What it is, as far as its entry says. */
  readonly artifactType?: string
  readonly subject: Digest
}

export interface RemoveReport {
  readonly removed: readonly string[]
  /** Asked for but kept, with the reason: unknown, pinned, or (published-only) not published under the same digest. */
  readonly kept: readonly { readonly reference: string; readonly failure: Failure }[]
  readonly removedBlobs: number
  readonly freedBytes: number
  /**
   * Why no blob was removed although references were: a manifest that a remaining reference needs is damaged or lost, so
   * any blob might be one of its own. `details.reference` names it; pull or remove that one, then remove again.
   */
  readonly blobsKept?: Failure
}

/** What was removed, and why; with `dryRun` what would be. */
export interface ReclaimReport {
  readonly dryRun: boolean
  /** References that the budget took, least recently used first. */
  readonly evicted: readonly EvictedReference[]
  readonly removed: {
    /** Blobs that only evicted references needed. */
    readonly evicted: Swept
    /** Blobs that had lost their reference before. */
    readonly unreferenced: Swept
    /** Blobs that hearth had never recorded: another tool's, or those of a pull that was killed. */
    readonly unknown: Swept
    /** What lies under blobs/ and can be no blob. */
    readonly strays: Swept
    /** Partial downloads that nobody has gone on with for a day. */
    readonly ingests: Swept
  }
  readonly removedBlobs: number
  /** Of blobs, strays and partial downloads together. */
  readonly freedBytes: number
  /** Blobs that stay, each counted once. */
  readonly keptBlobs: number
  readonly keptBytes: number
  /** How far that is above `keepBytes`: what is pinned, in use, or used lately is more. */
  readonly overBudgetBytes: number
  /** As in {@link RemoveReport}: why no blob was removed, and nothing was evicted. */
  readonly blobsKept?: Failure
}

export interface EvictedReference {
  readonly reference: string
  readonly digest: Digest
  /** ISO 8601. */
  readonly lastUsed: string
}

export interface PinReport {
  /** Names as they are stored. */
  readonly changed: readonly string[]
  /** Were so already. */
  readonly unchanged: readonly string[]
  readonly failed: readonly { readonly reference: string; readonly failure: Failure }[]
}

export interface VerifyProblem {
  /**
   * What is wrong: a blob, a reference's closure, the log, index.json or another file of the layout, who may write to a file, or a file that
   * should not be there.
   */
  readonly kind: 'blob' | 'reference' | 'log' | 'index' | 'permission' | 'stray'
  readonly subject: string
  readonly failure: Failure
  /** What became of it; absent when nobody asked for a repair. */
  readonly repair?: Repair
}

export type Repair =
  | { readonly done: true; readonly how: string }
  /** Why it is still there. */
  | { readonly done: false; readonly failure: Failure }

/** A log that was made anew, because the one that was there was damaged. */
export interface RebuiltLog {
  readonly references: number
  readonly blobs: number
  /** Absolute path of the folder that keeps the old log; absent when nothing was left of it. */
  readonly keptAside?: string
}

export interface VerifyReport {
  readonly blobs: number
  readonly bytes: number
  readonly references: number
  readonly events: number
  /** Empty for a cache that was clean. */
  readonly problems: readonly VerifyProblem[]
  readonly rebuilt?: RebuiltLog
  /** Why the log was not looked at, although there is one. */
  readonly unchecked?: Failure
}

/** Reported by `verify` as it goes: of the blobs that it hashes, and then of those that a repair fetches again. */
export interface VerifyProgress {
  readonly type: 'verify-progress' | 'repair-progress'
  readonly blobs: number
  readonly totalBlobs: number
  readonly bytes: number
  readonly totalBytes: number
}
