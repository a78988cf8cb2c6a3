import type { Descriptor } from '../../src/oci/descriptor.js'
import type { Digest, DigestAlgorithm } from '../../src/oci/digest.js'
import {
  DOCKER_CONFIG,
  DOCKER_INDEX,
  DOCKER_LAYER_GZIP,
  DOCKER_MANIFEST,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_LAYER,
  OCI_LAYER_GZIP,
  OCI_MANIFEST,
} from '../../src/oci/media-type.js'
import { formatPlatform, type Platform, parsePlatform } from '../../src/oci/platform.js'
import type { FetchedManifest } from '../../src/registry/registry.js'
import { aLayer, type BuiltLayer, type LayerSpec } from './a-layer.js'
import { BlobCollector } from './blob-collector.js'
import type { BlobContent } from './blob-content.js'

export interface ImageSpec {
  /** The image's own content; two images differ when their seeds do. Default `image`. */
  readonly seed?: string
  /** `os/arch[/variant]`. Default `linux/amd64` alone. */
  readonly platforms?: readonly string[]
  /** Lowest first. Default: one small layer. */
  readonly layers?: readonly LayerSpec[]
  /** Media types of image-spec or of Docker's schema 2. Default `oci`. */
  readonly format?: 'oci' | 'docker'
  /** What the root is. `nested`: an index with the first platform and a second index with the others. */
  readonly root?: 'manifest' | 'index' | 'nested'
  readonly algorithm?: DigestAlgorithm
  /** Adds BuildKit's attestation manifest (platform unknown/unknown) beside each platform. */
  readonly attestations?: boolean
}

interface BuiltPlatform {
  readonly platform: Platform
  readonly manifest: Descriptor
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
}

export interface BuiltImage {
  readonly root: Descriptor
  /** Every blob: root, manifests, configs and layers, as they would lie in an image layout. */
  readonly blobs: ReadonlyMap<Digest, Uint8Array>
  /** Layers made with `streamed`; they are not in `blobs`. */
  readonly streamed: ReadonlyMap<Digest, BlobContent>
  /** Those of the blobs that a registry serves as manifests. */
  readonly manifests: ReadonlyMap<Digest, FetchedManifest>
  /** By canonical name: `linux/arm64/v8`. */
  readonly platforms: ReadonlyMap<string, BuiltPlatform>
}

/** A true image, the same bytes for the same spec: real layers, right diff_ids, history and digests. */
export async function anImage(spec: ImageSpec = {}): Promise<BuiltImage> {
  const { platforms: names = ['linux/amd64'], format = 'oci' } = spec
  const blobs = new BlobCollector(spec.algorithm ?? 'sha256')
  const platforms = new Map<string, BuiltPlatform>()
  const children: Descriptor[] = []
  for (const platform of names.map(parsePlatform)) {
    const built = await buildPlatform(spec, platform, blobs)
    platforms.set(formatPlatform(platform), built)
    children.push({ ...built.manifest, platform })
    if (spec.attestations) children.push(await anAttestation(built.manifest, blobs))
  }
  const root = await buildRoot(spec.root ?? (children.length > 1 ? 'index' : 'manifest'), children, {
    blobs,
    mediaType: format === 'oci' ? OCI_INDEX : DOCKER_INDEX,
  })
  return { root, ...blobs.collected(), platforms }
}

/** What must be in a cache that holds `platforms` of the image: root, their manifests, configs and layers. */
export function digestsOf(image: BuiltImage, platforms: readonly string[] = [...image.platforms.keys()]): Set<Digest> {
  const digests = new Set([image.root.digest])
  for (const name of platforms) {
    const built = image.platforms.get(name)
    if (built === undefined) throw new TypeError(`the image has no ${name}`)
    for (const { digest } of [built.manifest, built.config, ...built.layers]) digests.add(digest)
  }
  return digests
}

async function buildPlatform(spec: ImageSpec, platform: Platform, blobs: BlobCollector): Promise<BuiltPlatform> {
  const { seed = 'image', layers: specs = [{}], format = 'oci' } = spec
  const built: BuiltLayer[] = []
  for (const [number, layer] of specs.entries()) {
    const name = layer.seed ?? `${seed}-${number}`
    const identity = layer.everyPlatform ? name : `${name} ${formatPlatform(platform)}`
    built.push(await aLayer(layer, identity, blobs.algorithm))
  }
  const layers = built.map((layer) => blobs.addLayer({ ...layer, mediaType: layerType(layer.mediaType, format) }))
  const config = await blobs.add(
    Buffer.from(JSON.stringify(configOf(seed, platform, built))),
    format === 'oci' ? OCI_CONFIG : DOCKER_CONFIG,
  )
  const mediaType = format === 'oci' ? OCI_MANIFEST : DOCKER_MANIFEST
  return {
    platform,
    manifest: await blobs.addManifest({ schemaVersion: 2, mediaType, config, layers }),
    config,
    layers,
  }
}

/** Spec: image-spec v1.1 config.md. */
function configOf(seed: string, platform: Platform, layers: readonly BuiltLayer[]): object {
  const created = '2024-01-01T00:00:00Z'
  return {
    created,
    ...platform,
    config: { Env: ['PATH=/usr/bin:/bin'], Cmd: ['/bin/sh'], Labels: { 'dev.hearth.test': seed } },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: [
      ...layers.map((_, number) => ({ created, created_by: `ADD layer ${number} # ${seed}` })),
      { created, created_by: 'CMD ["/bin/sh"]', empty_layer: true },
    ],
  }
}

function layerType(mediaType: string, format: 'oci' | 'docker'): string {
  if (format === 'oci') return mediaType
  if (mediaType === OCI_LAYER_GZIP) return DOCKER_LAYER_GZIP
  return mediaType === OCI_LAYER ? 'application/vnd.docker.image.rootfs.diff.tar' : mediaType
}

interface RootParts {
  readonly blobs: BlobCollector
  readonly mediaType: string
}

async function buildRoot(
  root: 'manifest' | 'index' | 'nested',
  children: readonly Descriptor[],
  { blobs, mediaType }: RootParts,
): Promise<Descriptor> {
  const [first, ...others] = children
  if (first === undefined) throw new TypeError('an image has at least one platform')
  if (root === 'manifest') {
    if (others.length > 0) throw new TypeError('a manifest serves one platform')
    const { platform: _, ...descriptor } = first
    return descriptor
  }
  if (root === 'index') return blobs.addManifest({ schemaVersion: 2, mediaType, manifests: children })
  const inner = await blobs.addManifest({ schemaVersion: 2, mediaType, manifests: others })
  return blobs.addManifest({ schemaVersion: 2, mediaType, manifests: [first, inner] })
}

async function anAttestation(subject: Descriptor, blobs: BlobCollector): Promise<Descriptor> {
  const statement = Buffer.from(JSON.stringify({ _type: 'https://in-toto.io/Statement/v0.1', subject: subject.digest }))
  const descriptor = await blobs.addManifest({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: await blobs.add(Buffer.from('{}'), OCI_CONFIG),
    layers: [await blobs.add(statement, 'application/vnd.in-toto+json')],
  })
  return {
    ...descriptor,
    platform: { os: 'unknown', architecture: 'unknown' },
    annotations: {
      'vnd.docker.reference.type': 'attestation-manifest',
      'vnd.docker.reference.digest': subject.digest,
    },
  }
}
