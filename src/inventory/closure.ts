import type { BlobStore } from '../blobs/blob-store.js'
import { type ErrorCode, type Failure, HearthError, isHearthError, toFailure } from '../errors.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'
import { MAX_MANIFEST_BYTES, type ParsedManifest, parseManifest } from '../oci/manifest.js'
import { isAmongManifests, isIndexType, isManifestType, isNondistributableType } from '../oci/media-type.js'
import { throwIfAborted } from './lanes.js'
import type { InspectedNode } from './reports.js'

/** What the cache holds under the digest of an index or a manifest. */
export type Content =
  | { readonly state: 'read'; readonly parsed: ParsedManifest; readonly bytes: number }
  | { readonly state: 'absent' }
  | { readonly state: 'damaged'; readonly failure: Failure }

export type ReadContent = (descriptor: Descriptor) => Promise<Content>

/** One descriptor met on the way from a root. */
export interface WalkedNode {
  readonly kind: InspectedNode['kind']
  readonly descriptor: Descriptor
  /** 0 for the root. */
  readonly depth: number
  readonly parent?: WalkedNode
  /** For indexes and manifests; absent for leaves and types hearth does not know. */
  readonly content?: Content
}

export interface WalkOptions {
  /** Meets each descriptor once, however many parents it has. Default true. */
  readonly distinct?: boolean
  /** Which children of an index to follow. Default: all. */
  readonly select?: (children: readonly Descriptor[], depth: number) => readonly Descriptor[]
  readonly signal?: AbortSignal
}

/** RELIABILITY section 7, D7: an image built to exhaust its reader is refused, not followed. */
export const LIMITS = Object.freeze({ depth: 8, descriptors: 10_000, metadataBytes: 64 * 1024 * 1024 })

/** What can be wrong with a stored manifest itself; any other failure is not about the image and is thrown. */
const DAMAGE: readonly ErrorCode[] = [
  ...(['DIGEST_MISMATCH', 'SIZE_MISMATCH', 'MANIFEST_INVALID', 'MANIFEST_TOO_LARGE'] as const),
  'STORE_FAILED',
]

type Pending = Pick<WalkedNode, 'kind' | 'descriptor' | 'depth' | 'parent'>

/**
 * Reads and parses indexes and manifests, each once, however many images share it. Only what was read is remembered:
 * what is absent now may have been pulled by the time it is asked for again.
 */
export function contentReader(blobs: Pick<BlobStore, 'read'>): ReadContent {
  const known = new Map<string, Promise<Content>>()
  return (descriptor) => {
    // The type decides how bytes are parsed, so the same bytes under two types are two answers.
    const key = `${descriptor.digest} ${descriptor.mediaType}`
    const reading = known.get(key) ?? readContent(blobs, descriptor)
    known.set(key, reading)
    reading.then(
      ({ state }) => state !== 'read' && known.delete(key),
      () => known.delete(key),
    )
    return reading
  }
}

/**
 * Everything a root points at, parents before children, breadth first. Never recursive and never without bounds, as the
 * manifests come from others. What is absent or damaged is met like the rest, it only has no children.
 * @throws HearthError MANIFEST_TOO_LARGE when the image exceeds {@link LIMITS}, ABORTED.
 */
export async function* walkImage(
  root: Descriptor,
  read: ReadContent,
  { distinct = true, select = (children) => children, signal }: WalkOptions = {},
): AsyncGenerator<WalkedNode, void, undefined> {
  const queue: Pending[] = [{ kind: kindOf(root.mediaType), descriptor: root, depth: 0 }]
  const met = new Set<string>()
  let metadataBytes = 0
  for (const pending of queue) {
    throwIfAborted(signal)
    const node = await readNode(pending, read)
    yield node
    if (node.content?.state !== 'read') continue
    metadataBytes += node.content.bytes
    if (metadataBytes > LIMITS.metadataBytes) throw tooLarge(root, 'bytes of metadata', LIMITS.metadataBytes)
    for (const child of childrenOf(node, node.content.parsed, select)) {
      // As a layer, a digest is not followed; the same digest as a manifest still is.
      const key = `${child.descriptor.digest} ${child.kind}`
      if (distinct && met.has(key)) continue
      met.add(key)
      if (child.depth > LIMITS.depth) throw tooLarge(root, 'levels', LIMITS.depth)
      if (queue.push(child) > LIMITS.descriptors) throw tooLarge(root, 'descriptors', LIMITS.descriptors)
    }
  }
}

/** Whether nothing is below it, and registries keep it with their blobs. */
export function isLeaf({ kind }: Pick<WalkedNode, 'kind'>): boolean {
  return kind === 'config' || kind === 'layer' || kind === 'blob'
}

/** Whether an index lists it, registries hold it, and nothing is below it. */
export function isListedBlob({ kind, descriptor }: WalkedNode): boolean {
  return kind === 'blob' && !isNondistributableType(descriptor.mediaType)
}

/**
 * Whether an index lists this blob for nobody in particular and tells no platforms apart: then the index is all of what it
 * lists, and no part of it is left out for being another platform's.
 */
export function isPartOfBundle({ kind, parent }: WalkedNode): boolean {
  if (kind !== 'blob' || parent?.content?.state !== 'read') return false
  const { parsed } = parent.content
  return parsed.kind === 'index' && parsed.manifests.every(({ platform }) => platform === undefined)
}

/** Which blobs a reference needs, and what could not be read on the way. */
export interface Closure {
  /** Present or not. */
  readonly digests: ReadonlySet<Digest>
  /** Indexes and manifests without a blob: those of other platforms in a sparse index, or something was lost. */
  readonly absent: readonly Digest[]
  /** What the root itself refers to. Not a part of it. */
  readonly subject?: Digest
  /** Why the closure may be larger than `digests`; absent when all that is present could be read. */
  readonly damage?: Failure
}

/** The closure of one root over what the cache holds. */
export async function closureOf(root: Descriptor, read: ReadContent, signal?: AbortSignal): Promise<Closure> {
  const digests = new Set<Digest>([root.digest])
  const absent: Digest[] = []
  let damage: Failure | undefined
  let subject: Digest | undefined
  try {
    for await (const { descriptor, content, depth } of walkImage(root, read, { ...(signal && { signal }) })) {
      digests.add(descriptor.digest)
      if (depth === 0 && content?.state === 'read' && content.parsed.kind !== 'opaque') {
        subject = content.parsed.subject?.digest
      }
      if (content?.state === 'absent') absent.push(descriptor.digest)
      if (content?.state === 'damaged') damage ??= content.failure
    }
  } catch (error) {
    if (!isHearthError(error, 'MANIFEST_TOO_LARGE')) throw error
    damage ??= toFailure(error)
  }
  return { digests, absent, ...(subject && { subject }), ...(damage && { damage }) }
}

async function readContent(blobs: Pick<BlobStore, 'read'>, { digest, mediaType }: Descriptor): Promise<Content> {
  try {
    const bytes = await blobs.read(digest, { maxBytes: MAX_MANIFEST_BYTES })
    return { state: 'read', parsed: parseManifest(bytes, mediaType), bytes: bytes.length }
  } catch (error) {
    if (isHearthError(error, 'BLOB_UNKNOWN')) return { state: 'absent' }
    if (isHearthError(error) && DAMAGE.includes(error.code)) return { state: 'damaged', failure: toFailure(error) }
    throw error
  }
}

async function readNode(pending: Pending, read: ReadContent): Promise<WalkedNode> {
  if (pending.kind !== 'index' && pending.kind !== 'manifest') return pending
  const content = await read(pending.descriptor)
  return { ...pending, ...(content.state === 'read' && { kind: content.parsed.kind }), content }
}

function childrenOf(
  parent: WalkedNode,
  parsed: ParsedManifest,
  select: NonNullable<WalkOptions['select']>,
): readonly Pending[] {
  const depth = parent.depth + 1
  switch (parsed.kind) {
    case 'index':
      return select(parsed.manifests, parent.depth).map((descriptor) => {
        const kind = isAmongManifests(descriptor.mediaType) ? kindOf(descriptor.mediaType) : 'blob'
        return { kind, descriptor, depth, parent }
      })
    case 'manifest':
      return [
        { kind: 'config', descriptor: parsed.config, depth, parent },
        ...parsed.layers.map((descriptor) => ({ kind: 'layer', descriptor, depth, parent }) as const),
      ]
    case 'opaque':
      return []
  }
}

function kindOf(mediaType: string): 'index' | 'manifest' | 'opaque' {
  if (isIndexType(mediaType)) return 'index'
  return isManifestType(mediaType) ? 'manifest' : 'opaque'
}

function tooLarge(root: Descriptor, what: string, limit: number): HearthError {
  const message = `${root.digest} has more than ${limit} ${what}`
  return new HearthError('MANIFEST_TOO_LARGE', message, { digest: root.digest, limit, what })
}
