import type { BlobStat } from '../blobs/blob-store.js'
import { type Failure, isHearthError, toFailure } from '../errors.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'
import { isUnlabelled } from '../oci/manifest.js'
import { isIndexType, isNondistributableType } from '../oci/media-type.js'
import { rankPlatforms, readPlatform } from '../oci/platform.js'
import { isLeaf, isPartOfBundle, type ReadContent, type WalkedNode, walkImage } from './closure.js'

/** A root, and the platforms recorded as complete; none when nobody recorded any. */
export interface RecordedImage {
  readonly descriptor: Descriptor
  readonly platforms: readonly string[]
  /** Which manifest serves each of them; absent when nobody recorded it. */
  readonly manifests?: Readonly<Record<string, Descriptor>>
  /** Of the record that set the reference, if the log has one. */
  readonly position?: number
}

export interface ClosureOptions {
  readonly read: ReadContent
  /** Blobs that were hashed and found right. */
  readonly sound: ReadonlyMap<Digest, Pick<BlobStat, 'size'>>
  readonly signal?: AbortSignal
}

/** How much of an image is there. */
export interface ImageCheck {
  /** Why it is not complete for its recorded platforms; absent when it is. */
  readonly failure?: Failure
  /** What it needs and does not have, parents before children. What lies below a missing manifest is not known. */
  readonly gaps: readonly WalkedNode[]
  /** Which manifest of its index serves each recorded platform. */
  readonly manifests: ReadonlyMap<string, Descriptor>
}

/** Compares what an image promises for its recorded platforms with what is there. */
export async function checkImage(image: RecordedImage, options: ClosureOptions): Promise<ImageCheck> {
  const { read, sound, signal } = options
  const manifests = new Map<string, Descriptor>()
  const untold = new Set<string>()
  const select = (children: readonly Descriptor[]): readonly Descriptor[] =>
    choose(children, image, { manifests, untold })
  const gaps: WalkedNode[] = []
  let rootKind: WalkedNode['kind'] | undefined
  try {
    for await (const node of walkImage(image.descriptor, read, { select, ...(signal && { signal }) })) {
      rootKind ??= node.kind
      const isWhole =
        sound.get(node.descriptor.digest)?.size === node.descriptor.size && node.content?.state !== 'damaged'
      if (!isWhole && !mayBeAbsent(node, image)) gaps.push(node)
    }
  } catch (error) {
    if (isHearthError(error, 'MANIFEST_TOO_LARGE')) return { failure: toFailure(error), gaps, manifests }
    throw error
  }
  const [gap] = gaps
  if (gap !== undefined) return { failure: gapFailure(gap, gaps.length), gaps, manifests }
  const unserved = image.platforms.filter((platform) => !manifests.has(platform) && !untold.has(platform))
  // A plain image's platform stands in its config: only an index can fail to list one.
  const failure = rootKind === 'index' && unserved.length > 0 ? unservedFailure(unserved) : undefined
  return { ...(failure && { failure }), gaps, manifests }
}

interface Chosen {
  readonly manifests: Map<string, Descriptor>
  /** Platforms that a manifest may serve of which the index does not say what it is for. */
  readonly untold: Set<string>
}

/**
 * For each recorded platform the child that serves it, by its label or as it was recorded, else the nested indexes that may.
 * Notes what was found.
 */
function choose(
  children: readonly Descriptor[],
  { platforms, manifests: recorded = {} }: RecordedImage,
  { manifests, untold }: Chosen,
): readonly Descriptor[] {
  if (platforms.length === 0 || children.every(({ platform }) => platform === undefined)) return children
  const nested = children.filter(({ mediaType, platform }) => platform === undefined && isIndexType(mediaType))
  const unlabelled = children.filter((child) => isUnlabelled(child, { manifests: children }))
  const chosen = new Set<Descriptor>()
  for (const platform of platforms) {
    const wanted = readPlatform(platform)
    const [labelled] = wanted === undefined ? [] : rankPlatforms(wanted, children)
    const best = labelled ?? children.find(({ digest }) => digest === recorded[platform]?.digest)
    if (best === undefined && unlabelled.length > 0) untold.add(platform)
    if (best !== undefined) manifests.set(platform, best)
    for (const child of best === undefined ? nested : [best]) chosen.add(child)
  }
  return [...chosen]
}

/**
 * Nobody promised all children of an index whose platforms are unknown: other tools leave them out as hearth does. A
 * manifest that is present promises its own blobs, except layers that may not be distributed by registries.
 */
function mayBeAbsent(node: WalkedNode, { platforms }: RecordedImage): boolean {
  const { kind, depth, content, descriptor, parent } = node
  if (isLeaf(node) && isNondistributableType(descriptor.mediaType)) return true
  if (kind === 'config' || kind === 'layer' || platforms.length > 0 || isPartOfBundle(node)) return false
  const isUnread = content === undefined || content.state === 'absent'
  return depth > 0 && parent?.kind === 'index' && isUnread
}

function gapFailure({ descriptor, content, kind }: WalkedNode, count: number): Failure {
  const { digest, size } = descriptor
  const details = { digest, size, kind, missing: count }
  const damaged = content?.state === 'damaged' && content.failure.code !== 'DIGEST_MISMATCH'
  if (damaged) return { ...content.failure, details: { ...content.failure.details, ...details } }
  const others = count === 1 ? '' : ` and ${count - 1} more`
  return { code: 'BLOB_UNKNOWN', message: `lacks a sound ${kind} ${digest}${others}`, details }
}

function unservedFailure(unserved: readonly string[]): Failure {
  const expected = unserved.toSorted().join(',')
  return { code: 'PLATFORM_UNKNOWN', message: `the index has nothing for ${expected}`, details: { expected } }
}
