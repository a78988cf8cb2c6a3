import { HearthError, isHearthError } from '../errors.js'
import type { IndexEntry } from '../log/decide.js'
import type { ReferenceRecord } from '../log/event-log.js'
import type { Head } from '../log/events.js'
import { type Descriptor, parseDescriptor } from '../oci/descriptor.js'
import {
  CONTAINERD_IMAGE_NAME,
  CONTENT_SIZE,
  LOG_HEAD,
  LOG_POSITION,
  PINNED,
  PLATFORM_OF,
  PLATFORMS,
  REF_NAME,
} from '../oci/image-layout.js'
import { OCI_INDEX } from '../oci/media-type.js'
import { isPlatformEntry, platformEntries } from './platform-entries.js'

type Annotations = Readonly<Record<string, string>>

/** What an index.json says, hearth's or another tool's. */
export interface IndexContent {
  /** Each reference once. */
  readonly entries: readonly IndexEntry[]
  /** The head of the log that it accounts for; absent when another tool made it. */
  readonly head?: Head
}

/** The name under which an entry without one stands in the log. */
const UNNAMED = '@'
const NO_PINS: ReadonlyMap<string, unknown> = new Map()
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

/**
 * Pure: the bytes of index.json. The same references and head give the same bytes. Sorted by name, entries without a name
 * last: of several entries with one name the first is the one that counts, here as for most readers.
 * @param pins of the references, by name.
 * Spec: image-spec v1.1 image-layout.md "index.json file", image-index.md.
 */
export function renderIndex(
  references: ReadonlyMap<string, Pick<ReferenceRecord, 'descriptor' | 'platforms' | 'manifests' | 'size'>>,
  head: Head,
  pins: ReadonlyMap<string, unknown> = NO_PINS,
): Uint8Array {
  const names = [...references.keys()].sort(byName)
  const manifests = names.flatMap((name) => {
    const reference = references.get(name)
    if (reference === undefined) return []
    const own: IndexEntry = { reference: name, ...reference, ...(pins.has(name) && { pinned: true }) }
    return [
      renderEntry(own),
      ...platformEntries(own).filter(({ annotations }) => !references.has(annotations[REF_NAME])),
    ]
  })
  const annotations = { [LOG_HEAD]: head.checksum, [LOG_POSITION]: `${head.position}` }
  return encoder.encode(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests, annotations }))
}

/** The head in bytes that {@link renderIndex} made, without parsing all of them: it stands at their end. None in damaged ones. */
export function renderedHead(bytes: Uint8Array): Head | undefined {
  const end = new TextDecoder().decode(bytes.subarray(-300))
  const annotations = /,"annotations":(\{[^{}]*\})\}$/.exec(end)?.[1]
  return annotations === undefined ? undefined : parseHead(parseJson(annotations))
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/**
 * As {@link parseIndex}, for who needs the entries alone.
 * @throws HearthError LAYOUT_INVALID
 */
export function parseIndexFile(bytes: Uint8Array): readonly IndexEntry[] {
  return parseIndex(bytes).entries
}

/**
 * Pure: the inverse of {@link renderIndex}, for what any tool wrote. Annotations that are not ours stay with the
 * descriptor. An entry without a name, or with the name of an earlier entry, becomes `@<digest>` and keeps all its
 * annotations, so that it survives being written again.
 * @throws HearthError LAYOUT_INVALID when it is no image index, or a digest or size in it cannot be trusted.
 */
export function parseIndex(bytes: Uint8Array): IndexContent {
  const { schemaVersion, manifests, annotations } = parseObject(bytes)
  if (schemaVersion !== undefined && schemaVersion !== 2) throw invalid('schemaVersion is not 2')
  // Go programs write an empty list as null.
  if (manifests !== undefined && manifests !== null && !Array.isArray(manifests)) throw invalid('manifests is no list')
  const entries = new Map<string, IndexEntry>()
  for (const [index, manifest] of (manifests ?? []).entries()) {
    if (isDerived(manifest)) continue
    const descriptor = parseEntryDescriptor(manifest, `manifests[${index}]`)
    const entry = parseEntry(descriptor, entries)
    if (entry !== undefined) entries.set(entry.reference, entry)
  }
  const head = parseHead(annotations)
  return { entries: [...entries.values()], ...(head && { head }) }
}

function renderEntry(entry: IndexEntry): Descriptor {
  const { mediaType, digest, size, platform, artifactType } = entry.descriptor
  const annotations = renderAnnotations(entry)
  return {
    mediaType,
    digest,
    size,
    ...(platform && { platform }),
    ...(artifactType !== undefined && { artifactType }),
    ...(Object.keys(annotations).length > 0 && { annotations }),
  }
}

/** Sorted by name. Ours are put down in that order, because most entries have no others, and there are thousands of them. */
function renderAnnotations({ reference, descriptor, platforms, size, pinned }: IndexEntry): Annotations {
  const { annotations: theirs } = descriptor
  const ours: Record<string, string> = {}
  if (pinned) ours[PINNED] = 'true'
  if (platforms.length > 0) ours[PLATFORMS] = platforms.join()
  if (size !== undefined) ours[CONTENT_SIZE] = `${size}`
  if (!reference.startsWith(UNNAMED)) {
    ours[CONTAINERD_IMAGE_NAME] = theirs?.[CONTAINERD_IMAGE_NAME] ?? reference
    ours[REF_NAME] = reference
  }
  if (theirs === undefined) return ours
  return Object.fromEntries(Object.entries({ ...theirs, ...ours }).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Before it is parsed: half of a large index.json are such entries, and nothing in them is used. */
function isDerived(manifest: unknown): boolean {
  if (typeof manifest !== 'object' || manifest === null || !('annotations' in manifest)) return false
  const { annotations } = manifest as { readonly annotations: unknown }
  if (typeof annotations !== 'object' || annotations === null) return false
  return isPlatformEntry(annotations as Readonly<Record<string, unknown>>)
}

/** Undefined for an entry that says nothing new: it repeats an earlier one. */
function parseEntry(descriptor: Descriptor, earlier: ReadonlyMap<string, IndexEntry>): IndexEntry | undefined {
  const { annotations = {}, ...bare } = descriptor
  const name = annotations[REF_NAME] || annotations[CONTAINERD_IMAGE_NAME] || ''
  const first = earlier.get(name)
  if (first?.descriptor.digest === descriptor.digest) return undefined
  const unnamed = name === '' || name.startsWith(UNNAMED) || first !== undefined
  const foreign = Object.entries(annotations).filter(([key, value]) => !isOurs(key, value, unnamed ? undefined : name))
  const size = Number(annotations[CONTENT_SIZE] || Number.NaN)
  return {
    reference: unnamed ? `${UNNAMED}${descriptor.digest}` : name,
    descriptor: { ...bare, ...(foreign.length > 0 && { annotations: Object.fromEntries(foreign) }) },
    platforms: annotations[PLATFORMS]?.split(',').filter((platform) => platform !== '') ?? [],
    ...(Number.isSafeInteger(size) && size >= 0 && { size }),
    ...(annotations[PINNED] === 'true' && { pinned: true }),
  }
}

/** Whether {@link renderEntry} would write the annotation anew. */
function isOurs(key: string, value: string, name: string | undefined): boolean {
  if (key === PLATFORMS || key === CONTENT_SIZE || key === PINNED || key === PLATFORM_OF) return true
  return name !== undefined && (key === REF_NAME || (key === CONTAINERD_IMAGE_NAME && value === name))
}

function parseHead(annotations: unknown): Head | undefined {
  if (typeof annotations !== 'object' || annotations === null) return undefined
  const { [LOG_POSITION]: position, [LOG_HEAD]: checksum } = annotations as Record<string, unknown>
  if (typeof position !== 'string' || !/^\d{1,15}$/.test(position) || typeof checksum !== 'string') return undefined
  return { position: Number(position), checksum }
}

function parseObject(bytes: Uint8Array): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(decoder.decode(bytes))
  } catch (cause) {
    throw invalid('it is not JSON', cause)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('it is not an object')
  return value as Record<string, unknown>
}

function parseEntryDescriptor(value: unknown, where: string): Descriptor {
  try {
    return parseDescriptor(value, where)
  } catch (error) {
    if (isHearthError(error, 'MANIFEST_INVALID')) throw invalid(error.message, error)
    throw error
  }
}

function byName(a: string, b: string): number {
  const unnamed = Number(a.startsWith(UNNAMED)) - Number(b.startsWith(UNNAMED))
  return unnamed || (a < b ? -1 : 1)
}

function invalid(what: string, cause?: unknown): HearthError {
  return new HearthError('LAYOUT_INVALID', `index.json is not an image index: ${what}`, { file: 'index.json' }, cause)
}
