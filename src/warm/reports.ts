import type { Digest } from '../oci/digest.js'
import type { FailedImage, PullReport } from '../pull/report.js'
import type { Lock } from './lock-file.js'

/** What a warm did: a result for each image, those that no tag list could name first. */
export interface WarmReport extends PullReport {
  readonly totals: WarmTotals
}

/** `images` is the sum of the next three. */
export interface WarmTotals {
  readonly images: number
  readonly pulled: number
  readonly upToDate: number
  readonly failed: number
  readonly fetchedBlobs: number
  readonly fetchedBytes: number
  readonly elapsedMs: number
}

/** What a warm would do. */
export interface WarmPlan {
  readonly images: readonly (PlannedImage | FailedImage)[]
  /** Names that Compose files leave because they build what these stand for. */
  readonly built: readonly string[]
  readonly totals: PlanTotals
}

/** Bytes of manifests, configs and layers; each is in exactly one of `fetch`, `shared` and `present`. */
export interface PlannedImage {
  readonly ok: true
  /** Canonical. */
  readonly reference: string
  readonly digest: Digest
  readonly platforms: readonly string[]
  readonly size: number
  /** To fetch for this image. */
  readonly fetchBlobs: number
  readonly fetchBytes: number
  /** To fetch as well, but counted for an image above that shares it. */
  readonly sharedBytes: number
  readonly presentBytes: number
}

export interface PlanTotals {
  readonly images: number
  readonly failed: number
  readonly fetchBlobs: number
  readonly fetchBytes: number
  readonly sharedBytes: number
  readonly presentBytes: number
}

/** What the names stand for now. */
export interface LockReport {
  readonly lock: Lock
  /** The lock as it stands in a file. */
  readonly text: string
  /** The lock file, if one was named and every name could be resolved: otherwise it stays as it was. */
  readonly written?: string
  /** Against what the lock file held before, sorted by name; empty without `update`. */
  readonly changes: readonly LockChange[]
  readonly failures: readonly FailedImage[]
}

export type LockChange =
  | { readonly kind: 'added'; readonly reference: string; readonly digest: Digest }
  | { readonly kind: 'removed'; readonly reference: string; readonly digest: Digest }
  /** The digest is the same where only the locked platforms are others. */
  | { readonly kind: 'changed'; readonly reference: string; readonly before: Digest; readonly digest: Digest }
