import type { BlobStore } from '../blobs/blob-store.js'
import { HearthError, isHearthError } from '../errors.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'
import { type Index, MAX_MANIFEST_BYTES, parseManifest, successors } from '../oci/manifest.js'
import { isAmongManifests, isNondistributableType } from '../oci/media-type.js'
import { formatReference, type Reference } from '../oci/reference.js'
import { type HoldingsDeps, presentBlobs } from './holdings.js'
import { type PlannedManifest, selectChildren, type WantedPlatforms } from './plan.js'
import type { AskedManifest, Requests } from './requests.js'
import type { Resolution } from './resolve.js'

// What exceeds these is no image but an attack. Not more than a removal walks (inventory/closure.ts): an image that could
// be pulled but not walked would keep every blob for ever.
/** Levels of indexes and manifests; the leaves below them are one more. */
const MAX_LEVELS = 8
/** Descriptors in all of an image's indexes and manifests. */
const MAX_DESCRIPTORS = 10_000
/** Manifests of one image stay in memory until they are committed. */
const MAX_METADATA_BYTES = 64 * 1024 * 1024

export interface ReadImageDeps extends HoldingsDeps {
  readonly requests: Requests
  readonly blobs: BlobStore
}

export interface ReadImageOptions {
  readonly wanted: WantedPlatforms
  /** Nothing may be asked from the registry. */
  readonly offline: boolean
  readonly signal: AbortSignal
}

/** What a walk met. */
export interface WalkedImage {
  /** The root first, parents before children. */
  readonly found: readonly PlannedManifest[]
  /** What indexes list besides manifests and other indexes, as far as registries hold it: nothing is read from these. */
  readonly blobs: readonly Descriptor[]
}

export interface ImageManifests extends WalkedImage {
  /** Those that the cache lacks, as the registry sent them. */
  readonly fetched: ReadonlyMap<Digest, AskedManifest>
}

/**
 * Reads the manifests that lie between a root and the wanted platforms' leaves: from the cache where it has them, else
 * from the registry. Level by level, never recursive; each manifest once.
 */
export async function readImage(
  reference: Reference,
  resolution: Resolution,
  options: ReadImageOptions,
  deps: ReadImageDeps,
): Promise<ImageManifests> {
  const fetched = new Map<Digest, AskedManifest>()
  const walked = await walkManifests(reference, resolution.root, {
    select: (index) => selectChildren(index, options.wanted),
    read: async (level) => {
      const read = await readLevel(reference, level, { resolution, ...options }, deps)
      for (const { manifest, asked } of read) if (asked !== undefined) fetched.set(manifest.descriptor.digest, asked)
      return read.map(({ manifest }) => manifest)
    },
  })
  return { ...walked, fetched }
}

/** How a walk goes on. */
export interface ManifestWalk {
  /** The manifests of one level, in the order asked for. */
  read(level: readonly Descriptor[]): Promise<readonly PlannedManifest[]>
  /** The children of an index that belong to it. */
  select(index: Index): readonly Descriptor[]
}

/**
 * The manifests below a root, the root first, parents before children; each once, whatever refers to it.
 * @throws HearthError MANIFEST_TOO_LARGE for more of them, or deeper ones, than any image needs.
 */
export async function walkManifests(
  reference: Reference,
  root: Descriptor,
  { read, select }: ManifestWalk,
): Promise<WalkedImage> {
  const found: PlannedManifest[] = []
  const blobs: Descriptor[] = []
  const seen = new Set<Digest>()
  let metadataBytes = 0
  let descriptors = 1
  let level: readonly Descriptor[] = [root]
  for (let depth = 0; level.length > 0; depth++) {
    metadataBytes += level.reduce((sum, { size }) => sum + size, 0)
    if (depth === MAX_LEVELS || metadataBytes > MAX_METADATA_BYTES) throw tooLarge(reference)
    for (const { digest } of level) seen.add(digest)
    const manifests = await read(level)
    for (const manifest of manifests) {
      found.push(manifest)
      descriptors += successors(manifest.parsed).length
    }
    if (descriptors > MAX_DESCRIPTORS) throw tooLarge(reference)
    const children = manifests.flatMap(({ parsed }) => (parsed.kind === 'index' ? select(parsed) : []))
    level = distinct(children.filter(({ digest, mediaType }) => isAmongManifests(mediaType) && !seen.has(digest)))
    blobs.push(
      ...children.filter(({ mediaType }) => !isAmongManifests(mediaType) && !isNondistributableType(mediaType)),
    )
  }
  return { found, blobs: distinct(blobs) }
}

type ReadManifest = { readonly manifest: PlannedManifest; readonly asked?: AskedManifest }

async function readLevel(
  reference: Reference,
  level: readonly Descriptor[],
  options: ReadImageOptions & { readonly resolution: Resolution },
  deps: ReadImageDeps,
): Promise<ReadManifest[]> {
  const present = await presentBlobs(level, deps, options.signal)
  const read = async (descriptor: Descriptor): Promise<ReadManifest> => {
    const held = present.has(descriptor.digest) ? await readHeld(descriptor, deps) : undefined
    if (held !== undefined) return { manifest: { descriptor, parsed: parseManifest(held, descriptor.mediaType) } }
    const asked = await fetchManifest(reference, descriptor, options, deps)
    return { manifest: { descriptor, parsed: parseManifest(asked.bytes, descriptor.mediaType) }, asked }
  }
  return Promise.all(level.map(read))
}

/** Undefined when it is damaged although nothing about its file has changed, or gone meanwhile: then it is fetched again. */
async function readHeld({ digest }: Descriptor, { blobs }: ReadImageDeps): Promise<Uint8Array | undefined> {
  try {
    return await blobs.read(digest, { maxBytes: MAX_MANIFEST_BYTES })
  } catch (error) {
    if (isHearthError(error, 'DIGEST_MISMATCH') || isHearthError(error, 'BLOB_UNKNOWN')) return undefined
    throw error
  }
}

/** The bytes of one manifest, by digest: the ones that came with the resolution, else from the registry. */
export async function fetchManifest(
  reference: Reference,
  descriptor: Descriptor,
  { resolution, offline, signal }: Omit<ReadImageOptions, 'wanted'> & { readonly resolution: Resolution },
  { requests }: Pick<ReadImageDeps, 'requests'>,
): Promise<AskedManifest> {
  const { digest, size } = descriptor
  if (resolution.fetched?.descriptor.digest === digest) return resolution.fetched
  if (offline) {
    const where = { digest, reference: formatReference(reference) }
    throw new HearthError('BLOB_UNKNOWN', `manifest ${digest} is not in the cache, and asking was forbidden`, where)
  }
  const asked = await requests.manifest(reference, digest, signal)
  const actual = asked.bytes.length
  if (actual === size) return asked
  const message = `manifest ${digest} has ${actual} bytes, its parent says ${size}`
  throw new HearthError('SIZE_MISMATCH', message, { digest, expected: size, actual })
}

function distinct(descriptors: readonly Descriptor[]): Descriptor[] {
  return [...new Map(descriptors.map((descriptor) => [descriptor.digest, descriptor])).values()]
}

function tooLarge(reference: Reference): HearthError {
  const name = formatReference(reference)
  return new HearthError('MANIFEST_TOO_LARGE', `${name} has more manifests, or deeper ones, than any image needs`, {
    reference: name,
  })
}
