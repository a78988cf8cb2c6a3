import { type Failure, isHearthError, toFailure } from '../errors.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'
import { isIndexType, isNondistributableType } from '../oci/media-type.js'
import { parsePlatform, rankPlatforms } from '../oci/platform.js'
import { type ReadContent, type WalkedNode, walkImage } from './closure.js'

/** A root, and the platforms recorded as complete; none when nobody recorded any. */
export interface RecordedImage {
  readonly descriptor: Descriptor
  readonly platforms: readonly string[]
  /** Of the record that set the reference, if the log has one. */
  readonly position?: number
}

export interface ClosureOptions {
  readonly read: ReadContent
  /** Blobs that were hashed and found right, with their sizes. */
  readonly sound: ReadonlyMap<Digest, number>
  readonly signal?: AbortSignal
}

/** Why an image is not complete for its recorded platforms; undefined when it is. */
export async function findGap(image: RecordedImage, options: ClosureOptions): Promise<Failure | undefined> {
  const { read, sound, signal } = options
  const unserved = new Set(image.platforms)
  const select = (children: readonly Descriptor[]): readonly Descriptor[] => choose(children, image.platforms, unserved)
  const gaps: WalkedNode[] = []
  let rootKind: WalkedNode['kind'] | undefined
  try {
    for await (const node of walkImage(image.descriptor, read, { select, ...(signal && { signal }) })) {
      rootKind ??= node.kind
      const isWhole = sound.get(node.descriptor.digest) === node.descriptor.size && node.content?.state !== 'damaged'
      if (!isWhole && !mayBeAbsent(node, image)) gaps.push(node)
    }
  } catch (error) {
    if (isHearthError(error, 'MANIFEST_TOO_LARGE')) return toFailure(error)
    throw error
  }
  const [gap] = gaps
  if (gap !== undefined) return gapFailure(gap, gaps.length)
  // A plain image's platform stands in its config: only an index can fail to list one.
  return rootKind === 'index' && unserved.size > 0 ? unservedFailure(unserved) : undefined
}

/** For each recorded platform the child that serves it, else the nested indexes that may. Ticks off what was found. */
function choose(
  children: readonly Descriptor[],
  platforms: readonly string[],
  unserved: Set<string>,
): readonly Descriptor[] {
  if (platforms.length === 0 || children.every(({ platform }) => platform === undefined)) return children
  const nested = children.filter(({ mediaType, platform }) => platform === undefined && isIndexType(mediaType))
  const chosen = new Set<Descriptor>()
  for (const platform of platforms) {
    const [best] = rankPlatforms(parsePlatform(platform), children)
    if (best !== undefined) unserved.delete(platform)
    for (const child of best === undefined ? nested : [best]) chosen.add(child)
  }
  return [...chosen]
}

/**
 * Nobody promised all children of an index whose platforms are unknown: other tools leave them out as hearth does. A
 * manifest that is present promises its own blobs, except layers that may not be distributed by registries.
 */
function mayBeAbsent({ kind, depth, content, descriptor, parent }: WalkedNode, { platforms }: RecordedImage): boolean {
  if (kind === 'layer') return isNondistributableType(descriptor.mediaType)
  if (platforms.length > 0) return false
  const isUnread = content === undefined ? kind === 'opaque' : content.state === 'absent'
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

function unservedFailure(unserved: ReadonlySet<string>): Failure {
  const expected = [...unserved].sort().join(',')
  return { code: 'PLATFORM_UNKNOWN', message: `the index has nothing for ${expected}`, details: { expected } }
}
