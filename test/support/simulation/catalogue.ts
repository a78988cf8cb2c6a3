import { createHash } from 'node:crypto'
import type { Descriptor } from '../../../src/oci/descriptor.js'
import { type Digest, makeDigest } from '../../../src/oci/digest.js'
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER_GZIP, OCI_MANIFEST } from '../../../src/oci/media-type.js'
import type { FetchedManifest } from '../../../src/registry/registry.js'
import { seededRandom } from './seeded-random.js'

const MIB = 1024 * 1024

export interface CatalogueOptions {
  readonly seed: number
  readonly images: number
  /** Where the images live; each one has the same chance. */
  readonly hosts: readonly string[]
  /** Largest layer. */
  readonly maxLayerBytes: number
  /** Layers that an image shares with none: at most. */
  readonly ownLayers: number
}

/** Images as registries have them, but of layers only the sizes. */
export interface Catalogue {
  readonly references: readonly string[]
  readonly roots: ReadonlyMap<string, FetchedManifest>
  readonly manifests: ReadonlyMap<Digest, FetchedManifest>
  /** Sizes of each image's config and layers. */
  readonly leaves: ReadonlyMap<string, ReadonlyMap<Digest, number>>
  /** Configs and layers that each host has to send, each once. */
  readonly blobs: ReadonlyMap<string, ReadonlyMap<Digest, number>>
}

/**
 * A catalogue like real ones: a dozen bases for each host that most images share, and a few layers of each image's own;
 * half of the layers are below 2 MiB, a few are a hundred times as large.
 */
export function aCatalogue({ seed, images, hosts, maxLayerBytes, ownLayers }: CatalogueOptions): Catalogue {
  const random = seededRandom(seed)
  const layer = (name: string): Descriptor => {
    const size = Math.min(maxLayerBytes, Math.ceil(2 * MIB * Math.exp(1.8 * normal(random))))
    return { mediaType: OCI_LAYER_GZIP, digest: digestOf(name), size }
  }
  const bases = hosts.map((host) =>
    Array.from({ length: 12 }, (_, base) => [0, 1, 2].map((at) => layer(`${seed} ${host} base ${base} ${at}`))),
  )
  const references: string[] = []
  const roots = new Map<string, FetchedManifest>()
  const manifests = new Map<Digest, FetchedManifest>()
  const leaves = new Map<string, ReadonlyMap<Digest, number>>()
  const blobs = new Map(hosts.map((host) => [host, new Map<Digest, number>()]))
  for (let number = 0; number < images; number++) {
    const at = Math.floor(random() * hosts.length)
    const host = hosts[at] as string
    const base = bases[at]?.[Math.floor(random() * 12)] ?? []
    const own = Array.from({ length: 1 + Math.floor(random() * ownLayers) }, (_, place) =>
      layer(`${seed} ${number} ${place}`),
    )
    const config = { mediaType: OCI_CONFIG, digest: digestOf(`${seed} ${number} config`), size: 4096 }
    const layers = [...base, ...own]
    const manifest = fetched(OCI_MANIFEST, { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers })
    const child = { ...manifest.descriptor, platform: { os: 'linux', architecture: 'amd64' } }
    const root = fetched(OCI_INDEX, { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [child] })
    const sizes = new Map([config, ...layers].map(({ digest, size }) => [digest, size]))
    for (const [digest, size] of sizes) blobs.get(host)?.set(digest, size)
    for (const each of [manifest, root]) manifests.set(each.descriptor.digest, each)
    const reference = `${host}/app-${number}:v1`
    references.push(reference)
    leaves.set(reference, sizes)
    roots.set(reference, root)
  }
  return { references, roots, manifests, leaves, blobs }
}

function fetched(mediaType: string, value: object): FetchedManifest {
  const bytes = Buffer.from(JSON.stringify(value))
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length } }
}

function digestOf(content: string | Uint8Array): Digest {
  return makeDigest('sha256', createHash('sha256').update(content).digest('hex'))
}

/** Standard normal, by Box and Muller. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}
