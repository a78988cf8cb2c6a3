import { type Digest, isDigest } from './digest.js'
import { invalidField, knownFields, parseFields } from './fields.js'
import { isMediaType } from './media-type.js'
import { type Platform, parsePlatformObject } from './platform.js'
import { quote } from './quote.js'

/** What an image points at: how many bytes of which type, under which digest. Spec: image-spec v1.1 descriptor.md. */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
  readonly platform?: Platform
  readonly annotations?: Readonly<Record<string, string>>
  readonly artifactType?: string
}

const KNOWN = knownFields('mediaType', 'digest', 'size', 'platform', 'annotations', 'artifactType')
const NONE = knownFields()

/**
 * Parses hostile JSON into a descriptor. `urls` and `data` are dropped on purpose: hearth asks the registry alone.
 * @param where what is being read, for the error: `layers[3]`.
 * @throws HearthError MANIFEST_INVALID naming the field.
 */
export function parseDescriptor(value: unknown, where: string): Descriptor {
  const { mediaType, digest, size, platform, annotations, artifactType } = parseFields(value, where, KNOWN)
  if (!isMediaType(mediaType)) throw invalidField(`${where}.mediaType`, 'is not a media type')
  if (!isDigest(digest)) throw invalidField(`${where}.digest`, 'is not a digest that hearth can verify')
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw invalidField(`${where}.size`, 'is not a whole number of bytes')
  }
  const parsedPlatform = parseOptional(platform, `${where}.platform`, parsePlatformObject)
  const parsedAnnotations = parseOptional(annotations, `${where}.annotations`, parseAnnotations)
  const parsedType = parseOptional(artifactType, `${where}.artifactType`, parseText)
  return {
    mediaType,
    digest,
    size,
    ...(parsedPlatform !== undefined && { platform: parsedPlatform }),
    ...(parsedAnnotations !== undefined && { annotations: parsedAnnotations }),
    ...(parsedType !== undefined && { artifactType: parsedType }),
  }
}

/** A map of text to text without inherited names. @throws HearthError MANIFEST_INVALID for anything else. */
export function parseAnnotations(value: unknown, where: string): Readonly<Record<string, string>> {
  const fields = parseFields(value, where, NONE)
  for (const key of Object.keys(fields)) {
    // Quoted only when it is needed: an index.json has thousands of these.
    if (typeof fields[key] !== 'string') throw invalidField(`${where}[${quote(key)}]`, 'is not text')
  }
  return { ...(fields as Readonly<Record<string, string>>) }
}

/** @throws HearthError MANIFEST_INVALID for anything but text. */
export function parseText(value: unknown, where: string): string {
  if (typeof value !== 'string') throw invalidField(where, 'is not text')
  return value
}

/** Go writes what is unset as null: to readers that is the same as absent. */
export function parseOptional<T>(
  value: unknown,
  where: string,
  parse: (value: unknown, where: string) => T,
): T | undefined {
  return value === undefined || value === null ? undefined : parse(value, where)
}

/** Pure. One of each digest: the last, in the place of the first. */
export function distinct(descriptors: readonly Descriptor[]): readonly Descriptor[] {
  return [...new Map(descriptors.map((descriptor) => [descriptor.digest, descriptor])).values()]
}
