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
  readonly kind: 'index' | 'manifest' | 'config' | 'layer' | 'opaque'
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
}

export interface RemoveReport {
  readonly removed: readonly string[]
  /** Asked for but kept, with the reason: unknown, or (published-only) not published under the same digest. */
  readonly kept: readonly { readonly reference: string; readonly failure: Failure }[]
  readonly removedBlobs: number
  readonly freedBytes: number
  /**
   * Why no blob was removed although references were: a manifest that a remaining reference needs is damaged or lost, so
   * any blob might be one of its own. `details.reference` names it; pull or remove that one, then remove again.
   */
  readonly blobsKept?: Failure
}

export interface VerifyProblem {
  /** What is wrong: a blob, a reference's closure, the log, index.json or a file that should not be there. */
  readonly kind: 'blob' | 'reference' | 'log' | 'index' | 'stray'
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
}

/** Reported by `verify` as it goes. */
export interface VerifyProgress {
  readonly type: 'verify-progress'
  readonly blobs: number
  readonly totalBlobs: number
  readonly bytes: number
  readonly totalBytes: number
}
