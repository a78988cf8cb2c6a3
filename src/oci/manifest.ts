import type { Descriptor } from './descriptor.js'

/** Metadata above this is refused, counted on received bytes. Spec: distribution-spec v1.1 "Pushing Manifests". */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024

/** An image manifest or an artifact's. Spec: image-spec v1.1 manifest.md. */
export interface Manifest {
  readonly kind: 'manifest'
  readonly mediaType: string
  readonly artifactType?: string
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
  readonly subject?: Descriptor
  readonly annotations?: Readonly<Record<string, string>>
}

/** Spec: image-spec v1.1 image-index.md. */
export interface Index {
  readonly kind: 'index'
  readonly mediaType: string
  readonly artifactType?: string
  readonly manifests: readonly Descriptor[]
  readonly subject?: Descriptor
  readonly annotations?: Readonly<Record<string, string>>
}

/** A root or child of a type hearth does not know: kept byte for byte, nothing is read from it. */
export interface OpaqueManifest {
  readonly kind: 'opaque'
  readonly mediaType: string
}

export type ParsedManifest = Manifest | Index | OpaqueManifest
