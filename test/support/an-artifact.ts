import type { Descriptor } from '../../src/oci/descriptor.js'
import { OCI_EMPTY, OCI_MANIFEST } from '../../src/oci/media-type.js'
import type { BuiltImage } from './an-image.js'
import { BlobCollector } from './blob-collector.js'

export interface ArtifactSpec {
  readonly artifactType?: string
  readonly subject?: Descriptor
  readonly blobs?: readonly { readonly bytes: Uint8Array; readonly mediaType: string }[]
}

/** An artifact manifest, with a subject when it refers to another image. Spec: image-spec v1.1 manifest.md "Guidelines for Artifact Usage". */
export async function anArtifact(spec: ArtifactSpec = {}): Promise<BuiltImage> {
  const blobs = new BlobCollector('sha256')
  const layers: Descriptor[] = []
  for (const { bytes, mediaType } of spec.blobs ?? []) layers.push(await blobs.add(bytes, mediaType))
  const root = await blobs.addManifest({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    artifactType: spec.artifactType ?? 'application/vnd.hearth.test',
    config: await blobs.add(Buffer.from('{}'), OCI_EMPTY),
    layers,
    ...(spec.subject !== undefined && { subject: spec.subject }),
  })
  return { root, ...blobs.collected(), platforms: new Map() }
}
