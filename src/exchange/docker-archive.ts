import type { ReadyIngest } from '../blobs/blob-store.js'
import type { Staging } from '../blobs/staging.js'
import { HearthError } from '../errors.js'
import type { Descriptor } from '../oci/descriptor.js'
import { algorithmOf, type Digest } from '../oci/digest.js'
import { createHasher } from '../oci/hasher.js'
import { MAX_MANIFEST_BYTES } from '../oci/manifest.js'
import { OCI_CONFIG, OCI_LAYER, OCI_LAYER_GZIP, OCI_LAYER_ZSTD, OCI_MANIFEST } from '../oci/media-type.js'
import { archiveInvalid } from './archive-error.js'
import { type Bytes, bytesOf, collectBytes } from './bytes.js'
import { type Compression, compressionOf, decompressed, gzip } from './compression.js'
import { type DockerImage, parseArchivedDiffIds, parseDockerManifest } from './docker-manifest.js'
import type { OfferedImage } from './offer.js'
import type { ArchiveContent } from './read-archive.js'

export interface DockerArchiveDeps {
  readonly staging: Staging
  /** Of a blob that the cache had already. */
  readonly streamPresent: (digest: Digest) => Bytes
  /** Compresses layers that are not. */
  readonly compress: boolean
}

const LAYER_TYPES: Readonly<Record<Compression, string>> = {
  none: OCI_LAYER,
  gzip: OCI_LAYER_GZIP,
  zstd: OCI_LAYER_ZSTD,
}
/** Links to links to links: archives that Docker wrote have one. */
const MAX_LINKS = 8

/**
 * The images of a Docker archive, each with a manifest that is made for it and staged: such an archive has none. The config
 * stays byte for byte, and with it the image's id; its diff_ids are what the layers are verified against.
 * @throws HearthError ARCHIVE_INVALID, DIGEST_MISMATCH for a layer that is not what the config promises.
 */
export async function readDockerImages(
  manifest: Uint8Array,
  content: ArchiveContent,
  deps: DockerArchiveDeps,
): Promise<readonly OfferedImage[]> {
  const layers = new Map<string, Descriptor>()
  const offered: OfferedImage[] = []
  for (const image of parseDockerManifest(manifest)) {
    offered.push({ root: await makeManifest(image, { content, layers, ...deps }), names: image.tags })
  }
  return offered
}

interface Making extends DockerArchiveDeps {
  readonly content: ArchiveContent
  /** By path and diff_id: images of an archive share layers. */
  readonly layers: Map<string, Descriptor>
}

async function makeManifest(image: DockerImage, making: Making): Promise<Descriptor> {
  const config = partOf(image.config, making.content)
  const tooLarge = () => archiveInvalid(`${image.config} is larger than a config may be`)
  const diffIds = parseArchivedDiffIds(await collectBytes(streamOf(config, making), MAX_MANIFEST_BYTES, tooLarge))
  if (diffIds.length !== image.layers.length) {
    throw archiveInvalid(`the image has ${image.layers.length} layers, and its config speaks of ${diffIds.length}`)
  }
  const layers: Descriptor[] = []
  for (const [at, diffId] of diffIds.entries()) layers.push(await layerOf(image.layers[at] ?? '', diffId, making))
  const document = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { mediaType: OCI_CONFIG, digest: config.digest, size: config.size },
    layers,
  }
  const ready = await making.staging.stage(bytesOf(new TextEncoder().encode(JSON.stringify(document))))
  return { mediaType: OCI_MANIFEST, ...ready }
}

async function layerOf(path: string, diffId: Digest, making: Making): Promise<Descriptor> {
  const key = `${path} ${diffId}`
  const known = making.layers.get(key) ?? (await makeLayer(partOf(path, making.content), diffId, making))
  making.layers.set(key, known)
  return known
}

async function makeLayer(part: ReadyIngest, diffId: Digest, making: Making): Promise<Descriptor> {
  const compression = await sniff(streamOf(part, making))
  // An uncompressed layer was hashed when it was staged, if its diff_id is of the same algorithm.
  if (compression !== 'none' || part.digest !== diffId) await checkDiffId(part, diffId, making)
  const ready =
    compression === 'none' && making.compress ? await making.staging.stage(gzip(streamOf(part, making))) : part
  const mediaType = ready === part ? LAYER_TYPES[compression] : OCI_LAYER_GZIP
  return { mediaType, digest: ready.digest, size: ready.size }
}

async function checkDiffId(part: ReadyIngest, expected: Digest, making: Making): Promise<void> {
  const hasher = await createHasher(algorithmOf(expected))
  for await (const chunk of decompressed(streamOf(part, making))) hasher.update(chunk)
  const actual = hasher.digest()
  if (actual === expected) return
  throw new HearthError('DIGEST_MISMATCH', 'a layer is not the one that the config names', { expected, actual })
}

async function sniff(bytes: Bytes): Promise<Compression> {
  for await (const chunk of bytes) return compressionOf(chunk)
  return 'none'
}

function streamOf({ digest }: ReadyIngest, { staging, streamPresent }: Making): Bytes {
  return staging.size(digest) === undefined ? streamPresent(digest) : staging.stream(digest)
}

/** Through links, within the archive alone. @throws HearthError ARCHIVE_INVALID when there is no such file. */
function partOf(path: string, { parts, links }: ArchiveContent): ReadyIngest {
  let name = path.replace(/^\.\//, '')
  for (let followed = 0; followed <= MAX_LINKS; followed++) {
    const part = parts.get(name)
    if (part !== undefined) return part
    const next = links.get(name)
    if (next === undefined) throw archiveInvalid(`the archive lacks ${path}`, { path })
    name = next
  }
  throw archiveInvalid(`the links of ${path} lead nowhere`, { path })
}
