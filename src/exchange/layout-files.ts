/** The files of an image layout, in an archive or in a folder. */
import type { Descriptor } from '../oci/descriptor.js'
import {
  blobPath,
  CONTAINERD_IMAGE_NAME,
  INDEX_FILE,
  OCI_LAYOUT_BYTES,
  OCI_LAYOUT_FILE,
  REF_NAME,
} from '../oci/image-layout.js'
import { OCI_INDEX } from '../oci/media-type.js'
import { referenceIn, repositoryName } from '../oci/reference.js'
import type { Bytes } from './bytes.js'
import type { BlobReader, ExportedImage, PlatformImage } from './exported-image.js'

/** Where the files of a layout go, in order. */
export interface LayoutTarget {
  /** @param name below the layout's root; its folders need no call of their own. */
  add(name: string, size: number, content: Bytes | Uint8Array): Promise<void>
}

const encoder = new TextEncoder()

/** The marker, the names, and then each blob once, sorted: the same images give the same files in the same order. */
export async function writeLayout(
  images: readonly ExportedImage[],
  reader: BlobReader,
  target: LayoutTarget,
): Promise<void> {
  await addText(target, OCI_LAYOUT_FILE, OCI_LAYOUT_BYTES)
  await addText(target, INDEX_FILE, renderIndexOf(images))
  await writeBlobs(images, reader, target)
}

/**
 * An image layout that is a Docker archive too: beside index.json there is manifest.json, which names the same blobs.
 * Docker writes such archives itself since version 25; older ones, podman and skopeo read manifest.json alone.
 */
export async function writeDockerArchive(
  images: readonly (ExportedImage & { readonly single: PlatformImage })[],
  reader: BlobReader,
  target: LayoutTarget,
): Promise<void> {
  await addText(target, OCI_LAYOUT_FILE, OCI_LAYOUT_BYTES)
  await addText(
    target,
    INDEX_FILE,
    renderIndexOf(images.map(({ single, ...image }) => ({ ...image, root: single.descriptor }))),
  )
  await addText(target, 'manifest.json', renderDockerManifest(images))
  await writeBlobs(images, reader, target)
}

async function writeBlobs(images: readonly ExportedImage[], reader: BlobReader, target: LayoutTarget): Promise<void> {
  const blobs = new Map(images.flatMap((image) => image.blobs).map((blob) => [blobPath(blob.digest), blob]))
  for (const path of [...blobs.keys()].sort()) {
    const blob = blobs.get(path)
    if (blob !== undefined) await target.add(path, blob.size, reader.read(blob))
  }
}

function addText(target: LayoutTarget, name: string, text: string): Promise<void> {
  const bytes = encoder.encode(text)
  return target.add(name, bytes.length, bytes)
}

/** Sorted by name; an image without one comes last, as in the cache. */
function renderIndexOf(images: readonly ExportedImage[]): string {
  const sorted = images.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  return JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: sorted.map(entryOf) })
}

function keyOf({ name, root }: ExportedImage): string {
  return name === undefined ? `\uffff${root.digest}` : name
}

function entryOf({ name, root }: ExportedImage): Descriptor {
  const { mediaType, digest, size, platform, artifactType, annotations } = root
  const named = name === undefined ? {} : { [CONTAINERD_IMAGE_NAME]: name, [REF_NAME]: name }
  const all = Object.entries({ ...annotations, ...named }).sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    mediaType,
    digest,
    size,
    ...(platform && { platform }),
    ...(artifactType !== undefined && { artifactType }),
    ...(all.length > 0 && { annotations: Object.fromEntries(all) }),
  }
}

/** One entry for each image, with all its tags. Moby: image/spec/v1.2.md "Combined Image JSON + Filesystem Changeset". */
function renderDockerManifest(images: readonly (ExportedImage & { readonly single: PlatformImage })[]): string {
  const entries = new Map<string, { single: PlatformImage; tags: string[] }>()
  for (const { name, single } of images) {
    const entry = entries.get(single.descriptor.digest) ?? { single, tags: [] }
    const tag = name === undefined ? undefined : tagOf(name)
    if (tag !== undefined && !entry.tags.includes(tag)) entry.tags.push(tag)
    entries.set(single.descriptor.digest, entry)
  }
  const manifest = [...entries.values()].map(({ single, tags }) =>
    JSON.stringify({
      Config: blobPath(single.manifest.config.digest),
      RepoTags: tags.length > 0 ? tags.sort() : null,
      Layers: single.manifest.layers.map(({ digest }) => blobPath(digest)),
    }),
  )
  // As text: two images may have one config.
  return `[${manifest.sort().join()}]`
}

/** A tag has no digest behind it, and a name that only another tool understands is none. */
function tagOf(name: string): string | undefined {
  const reference = referenceIn(name)
  return reference?.tag === undefined ? undefined : `${repositoryName(reference)}:${reference.tag}`
}
