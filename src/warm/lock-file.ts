import { type Digest, isDigest } from '../oci/digest.js'
import { isMediaType } from '../oci/media-type.js'
import { quote } from '../oci/quote.js'
import { formatReference, parseReference } from '../oci/reference.js'
import { expectMap, expectText, type Located, type LocatedMap, type LocatedText, member } from './located.js'
import { inputInvalid } from './place.js'
import { at, type WantedImage } from './wanted-image.js'

/** What each name stood for when the lock was written. */
export interface Lock {
  readonly version: 1
  /** By canonical reference. */
  readonly images: Readonly<Record<string, LockedImage>>
}

/** The root that a reference named: an index, or the one manifest of a plain image. */
export interface LockedImage {
  readonly digest: Digest
  readonly mediaType: string
  /** Bytes of the root itself. */
  readonly size: number
  /** The manifest for each platform of an index; empty for a plain image, which its root pins as a whole. */
  readonly platforms: Readonly<Record<string, LockedPlatform>>
}

export interface LockedPlatform {
  readonly digest: Digest
  /** Bytes of the manifest itself. */
  readonly size: number
}

/** Pure. A lock file's text: sorted, so that the same lock gives the same bytes and two of them can be compared by diff. */
export function formatLock({ images }: Lock): string {
  const sorted = sortByName(images, ({ digest, mediaType, size, platforms }) => {
    return {
      digest,
      mediaType,
      size,
      platforms: sortByName(platforms, (own) => ({ digest: own.digest, size: own.size })),
    }
  })
  return `${JSON.stringify({ version: 1, images: sorted }, null, 2)}\n`
}

/** Pure. A version, and images by name. */
export function isLock(document: Located): boolean {
  return (
    document.kind === 'map' && document.entries.has('version') && document.entries.get('images')?.value.kind === 'map'
  )
}

/**
 * Reads what {@link formatLock} wrote. Members that are not known are passed over.
 * @throws HearthError INPUT_INVALID, also for a version of the format that is not known.
 */
export function readLock(document: Located): Lock {
  const root = expectMap(document, 'the document')
  const version = demand(root, 'version')
  if (version.text !== '1') throw inputInvalid(version.place, `version ${quote(version.text)} of the lock is not known`)
  const listed = expectMap(member(root, 'images') ?? missing(root, 'images'), 'images')
  const images = [...listed.entries].map(([reference, { place, value }]) => {
    const canonical = at(place, () => formatReference(parseReference(reference)))
    if (canonical !== reference) throw inputInvalid(place, `write ${quote(canonical)}, the full name`)
    return [reference, readImage(expectMap(value, reference))] as const
  })
  return { version: 1, images: Object.fromEntries(images) }
}

/** Pure. A lock as an input: each of its images, under the digest that it has there. */
export function imagesOfLock({ images }: Lock): WantedImage[] {
  return Object.entries(images).map(([reference, { digest }]) => ({ reference, digest }))
}

function readImage(map: LocatedMap): LockedImage {
  const mediaType = demand(map, 'mediaType')
  if (!isMediaType(mediaType.text)) throw inputInvalid(mediaType.place, 'not a media type')
  const platforms = member(map, 'platforms')
  const entries = platforms === undefined ? [] : [...expectMap(platforms, 'platforms').entries]
  return {
    ...readContent(map),
    mediaType: mediaType.text,
    platforms: Object.fromEntries(
      entries.map(([name, { value }]) => [name, readContent(expectMap(value, name))] as const),
    ),
  }
}

function readContent(map: LocatedMap): LockedPlatform {
  const [digest, size] = [demand(map, 'digest'), demand(map, 'size')]
  if (!isDigest(digest.text)) throw inputInvalid(digest.place, 'not a digest')
  if (!/^\d{1,15}$/.test(size.text)) throw inputInvalid(size.place, 'not a whole number of bytes')
  return { digest: digest.text, size: Number(size.text) }
}

function demand(map: LocatedMap, name: string): LocatedText {
  return expectText(member(map, name) ?? missing(map, name), name)
}

function missing(map: LocatedMap, name: string): never {
  throw inputInvalid(map.place, `${quote(name)} is missing`)
}

function sortByName<T, U>(record: Readonly<Record<string, T>>, change: (value: T) => U): Record<string, U> {
  const entries = Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([name, value]) => [name, change(value)]))
}
