import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Digest } from '../../src/oci/digest.js'
import {
  blobPath,
  CONTAINERD_IMAGE_NAME,
  INDEX_FILE,
  OCI_LAYOUT_BYTES,
  OCI_LAYOUT_FILE,
  REF_NAME,
} from '../../src/oci/image-layout.js'
import { OCI_INDEX } from '../../src/oci/media-type.js'
import { type BuiltImage, digestsOf } from './an-image.js'

export interface LayoutEntry {
  /** As it shall stand in index.json; without it the entry has no name. */
  readonly name?: string
  readonly image: BuiltImage
  /** Only these platforms' blobs are written: a sparse index. Default: all. */
  readonly platforms?: readonly string[]
}

/** Writes an image layout as another tool would: for caches to adopt, and for skopeo to push. */
export async function writeLayout(folder: string, entries: readonly LayoutEntry[]): Promise<void> {
  for (const { image, platforms } of entries) {
    const wanted = platforms && digestsOf(image, platforms)
    for (const [digest, bytes] of image.blobs) {
      if (wanted === undefined || wanted.has(digest)) await writeBlob(folder, digest, bytes)
    }
  }
  const manifests = entries.map(({ name, image }) => ({
    ...image.root,
    ...(name !== undefined && { annotations: { [REF_NAME]: name, [CONTAINERD_IMAGE_NAME]: name } }),
  }))
  await writeFile(join(folder, OCI_LAYOUT_FILE), OCI_LAYOUT_BYTES)
  await writeFile(join(folder, INDEX_FILE), JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }))
}

async function writeBlob(folder: string, digest: Digest, bytes: Uint8Array): Promise<void> {
  const path = join(folder, blobPath(digest))
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, bytes)
}
