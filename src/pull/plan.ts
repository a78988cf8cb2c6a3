import { HearthError } from '../errors.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'
import { type Index, isUnlabelled, type Manifest, type ParsedManifest, successors } from '../oci/manifest.js'
import { isAmongManifests, isIndexType, isNondistributableType } from '../oci/media-type.js'
import { formatPlatform, normalisePlatform, type Platform, rankPlatforms } from '../oci/platform.js'

/** Which platforms of an image are wanted. `all` takes every child of an index, attestations and artifacts too. */
export type WantedPlatforms = 'all' | readonly Platform[]

/** A manifest, index or opaque root that belongs to the image, with its bytes' reading. */
export interface PlannedManifest {
  readonly descriptor: Descriptor
  readonly parsed: ParsedManifest
}

/** All that an image consists of for the wanted platforms. */
export interface ImagePlan {
  readonly root: Descriptor
  /** Configs, layers, and blobs that indexes list, each once: the leaves. */
  readonly leaves: readonly Descriptor[]
  /** Manifests and indexes, children before parents, the root last: each is committed after what it points at. */
  readonly manifests: readonly PlannedManifest[]
  /** The manifest that serves each platform found in an index; a plain image's platform stands in its config. */
  readonly platforms: ReadonlyMap<string, Descriptor>
  /** Bytes of everything above. */
  readonly size: number
}

/**
 * Pure. Which children of an index have to be looked at for the wanted platforms: for each platform the best match, or,
 * when nothing on this level fits, what does not say what it is for: nested indexes and manifests, whose configs say it.
 */
export function selectChildren(index: Pick<Index, 'manifests'>, wanted: WantedPlatforms): readonly Descriptor[] {
  if (wanted === 'all' || index.manifests.every(({ platform }) => platform === undefined)) return index.manifests
  const unlabelled = index.manifests.filter(
    ({ mediaType, platform }) => platform === undefined && isAmongManifests(mediaType),
  )
  const chosen = new Set<Descriptor>()
  for (const platform of wanted) {
    const [best] = rankPlatforms(platform, index.manifests)
    for (const child of best === undefined ? unlabelled : [best]) chosen.add(child)
  }
  return [...chosen]
}

/** Pure. What is to be committed for one manifest: nothing for layers that may not be distributed by registries. */
export function leavesOf(manifest: Manifest): readonly Descriptor[] {
  const isHeld = ({ mediaType }: Descriptor): boolean => !isNondistributableType(mediaType)
  // Before doubles are left out: the same blob may be listed once as foreign and once not.
  return successors({ ...manifest, layers: manifest.layers.filter(isHeld) })
}

/**
 * Pure: puts together what the walk over an image's manifests found.
 * @param found the root first, parents before their children, as the walk met them.
 * @param blobs what its indexes list besides manifests and other indexes.
 * @throws HearthError PLATFORM_UNKNOWN when an index has nothing for one of the wanted platforms. Manifests of which it does not
 *   say what they are for may serve any of them, as long as they are not `labelled`.
 */
export function planImage(
  found: readonly PlannedManifest[],
  wanted: WantedPlatforms,
  blobs: readonly Descriptor[] = [],
): ImagePlan {
  const [root] = found
  if (root === undefined) throw new TypeError('an image has at least its root')
  const leaves = new Map<Digest, Descriptor>(blobs.map((blob) => [blob.digest, blob]))
  for (const { parsed } of found) {
    if (parsed.kind !== 'manifest') continue
    for (const leaf of leavesOf(parsed)) leaves.set(leaf.digest, leaf)
  }
  const platforms = platformsOf(found, wanted, leaves)
  const sizes = [...found.map(({ descriptor }) => descriptor), ...leaves.values()].map(({ size }) => size)
  return {
    root: root.descriptor,
    leaves: [...leaves.values()],
    manifests: found.toReversed(),
    platforms,
    size: sizes.reduce((sum, size) => sum + size, 0),
  }
}

/** One name per platform, whatever spelling the image or the user has for it. */
export function platformName(platform: Platform): string {
  return formatPlatform(normalisePlatform(platform))
}

function platformsOf(
  found: readonly PlannedManifest[],
  wanted: WantedPlatforms,
  leaves: ReadonlyMap<Digest, Descriptor>,
): ReadonlyMap<string, Descriptor> {
  const platforms = new Map<string, Descriptor>()
  const held = new Set([...found.map(({ descriptor }) => descriptor.digest), ...leaves.keys()])
  const indexes = found.flatMap(({ parsed }) => (parsed.kind === 'index' ? [parsed] : []))
  // An index without a word on platforms is a bundle of artifacts: there is nothing to choose from.
  const candidates = indexes.flatMap(({ manifests }) => manifests).filter(({ platform }) => platform !== undefined)
  const serving = candidates.filter(({ digest, mediaType }) => held.has(digest) && !isIndexType(mediaType))
  if (wanted === 'all') {
    for (const child of serving) {
      // BuildKit's attestations call themselves unknown/unknown: kept, but no platform.
      if (child.platform !== undefined && child.platform.os !== 'unknown')
        platforms.set(platformName(child.platform), child)
    }
    return platforms
  }
  if (candidates.length === 0) return platforms
  const isOpen = indexes.some((index) =>
    index.manifests.some((child) => held.has(child.digest) && isUnlabelled(child, index)),
  )
  for (const platform of wanted) {
    const [best] = rankPlatforms(platform, serving)
    if (best === undefined && isOpen) continue
    if (best === undefined) throw platformUnknown(platform, candidates)
    platforms.set(platformName(best.platform ?? platform), best)
  }
  return platforms
}

/** The error for an index that has nothing for a wanted platform: it says what there is. */
export function platformUnknown(platform: Platform, candidates: readonly Descriptor[]): HearthError {
  const offered = candidates.map((child) => (child.platform === undefined ? '' : platformName(child.platform)))
  const shown = [...new Set(offered)].filter((name) => !name.startsWith('unknown')).slice(0, 20)
  const wanted = platformName(platform)
  return new HearthError(
    'PLATFORM_UNKNOWN',
    `the image has nothing for ${wanted}; it has ${shown.join(', ') || 'no platforms'}`,
    {
      expected: wanted,
      actual: shown.join(','),
    },
  )
}
