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
  /** Distinct ones, and their bytes. */
  readonly blobs: number
  readonly bytes: number
}
