import type { Failure } from '../errors.js'
import type { Digest } from '../oci/digest.js'
import type { ExportFormat } from './exported-image.js'

/** What an export wrote. */
export interface ExportReport {
  readonly format: ExportFormat
  readonly images: readonly {
    /** In the archive; absent for an image without a name. */
    readonly name?: string
    readonly digest: Digest
    readonly platforms: readonly string[]
  }[]
  /** How many of what refers to the images went along. */
  readonly referrers: number
  /** Distinct ones, and their bytes. */
  readonly blobs: number
  readonly bytes: number
}

/** An image that came into the cache, under one of its names. */
export interface ImportedImage {
  /** Canonical. */
  readonly reference: string
  readonly digest: Digest
  /** Complete in the cache now. */
  readonly platforms: readonly string[]
  /** Bytes of those platforms' content. */
  readonly size: number
  /** False when the cache had the name with this digest already. */
  readonly changed: boolean
}

/** What one source brought. */
export interface ImportedSource {
  readonly ok: true
  /** As the user wrote it; for a copy, the folder of the cache. */
  readonly source: string
  readonly images: readonly ImportedImage[]
  /** How many of what refers to the images came along. */
  readonly referrers: number
  /** Written to the cache; what it had already is not counted. */
  readonly blobs: number
  readonly bytes: number
}

/** One that brought nothing: the cache is as it was before. */
export interface FailedSource {
  readonly ok: false
  readonly source: string
  readonly failure: Failure
}

/** One result for each source, in their order. */
export interface ImportReport {
  readonly results: readonly (ImportedSource | FailedSource)[]
}

/** Reported by `export`, `import` and `copy` as they go. */
export type ExchangeProgress =
  | {
      readonly type: 'export-progress'
      /** Read of the blobs, and of all of them. */
      readonly bytes: number
      readonly totalBytes: number
    }
  | {
      readonly type: 'import-progress'
      readonly source: string
      /** Read of an archive, or copied of what a folder has and the cache has not. */
      readonly bytes: number
      /** Absent for a pipe: nobody knows its end. */
      readonly totalBytes?: number
    }
  | {
      readonly type: 'copy-progress'
      /** Copied of what the other cache has not. */
      readonly bytes: number
      readonly totalBytes: number
    }
