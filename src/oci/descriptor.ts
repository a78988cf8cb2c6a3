import { HearthError } from '../errors.js'
import { type Digest, parseDigest } from './digest.js'
import { type Platform, parsePlatformObject } from './platform.js'

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

// RFC 6838 section 4.2, as image-spec's schema has it.
const MEDIA_TYPE = /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/

/**
 * Parses hostile JSON into a descriptor. `urls` and `data` are dropped on purpose: hearth asks the registry alone.
 * @param where what is being read, for the error: `layers[3]`.
 * @throws HearthError MANIFEST_INVALID naming the field.
 */
export function parseDescriptor(value: unknown, where: string): Descriptor {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(where, 'is not an object')
  const { mediaType, digest, size, platform, annotations, artifactType } = value as Record<string, unknown>
  if (typeof mediaType !== 'string' || !MEDIA_TYPE.test(mediaType)) throw invalid(`${where}.mediaType`, 'is not valid')
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw invalid(`${where}.size`, 'is not a whole number of bytes')
  }
  if (artifactType !== undefined && typeof artifactType !== 'string')
    throw invalid(`${where}.artifactType`, 'is no text')
  return {
    mediaType,
    digest: parseDigestIn(digest, `${where}.digest`),
    size,
    ...(platform !== undefined &&
      platform !== null && { platform: parsePlatformObject(platform, `${where}.platform`) }),
    ...(annotations !== undefined &&
      annotations !== null && { annotations: parseAnnotations(annotations, `${where}.annotations`) }),
    ...(artifactType !== undefined && { artifactType }),
  }
}

/** A map of text to text without inherited names. @throws HearthError MANIFEST_INVALID for anything else. */
export function parseAnnotations(value: unknown, where: string): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(where, 'is not an object')
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw invalid(`${where}[${JSON.stringify(key)}]`, 'is no text')
  }
  return Object.fromEntries(Object.entries(value)) as Record<string, string>
}

function parseDigestIn(value: unknown, where: string): Digest {
  try {
    return parseDigest(value)
  } catch (cause) {
    throw new HearthError('MANIFEST_INVALID', `${where} is not a digest hearth can verify`, { where }, cause)
  }
}

function invalid(where: string, what: string): HearthError {
  return new HearthError('MANIFEST_INVALID', `${where} ${what}`, { where })
}
