import { HearthError } from '../errors.js'
import type { Descriptor } from '../oci/descriptor.js'
import { algorithmOf, type Digest, isDigest } from '../oci/digest.js'
import { DOCKER_INDEX, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from '../oci/media-type.js'
import { type HeaderFields, singleHeader } from './header-fields.js'
import type { Where } from './where.js'

/** What an answer's headers say about a manifest; each part is absent when it is missing or of no use. */
export interface AnnouncedManifest {
  readonly mediaType?: string
  readonly digest?: Digest
  /** Bytes. */
  readonly size?: number
}

const KNOWN: ReadonlySet<string> = new Set([OCI_INDEX, OCI_MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST])
/** What a server sends that does not know the type; the document itself says it better. */
const VAGUE: ReadonlySet<string> = new Set(['application/json', 'application/octet-stream', 'text/plain'])
const SCHEMA_1 = /^application\/vnd\.docker\.distribution\.manifest\.v1\+/
const MEDIA_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/

/**
 * @throws HearthError PROTOCOL_ERROR for a page instead of a manifest; UNSUPPORTED for the Docker schema 1 that no registry has
 * written since 2017: its digest does not cover what is sent.
 */
export function readAnnounced(headers: HeaderFields, where: Where): AnnouncedManifest {
  const mediaType = singleHeader(headers, 'content-type')?.replace(/;.*/s, '').trim().toLowerCase() ?? ''
  if (mediaType === 'text/html' || mediaType === 'application/xhtml+xml') throw captivePortal(where)
  if (SCHEMA_1.test(mediaType)) {
    throw new HearthError('UNSUPPORTED', `${where.host} has this image in Docker's old schema 1 only`, { ...where })
  }
  const digest = singleHeader(headers, 'docker-content-digest')
  const length = singleHeader(headers, 'content-length') ?? ''
  return {
    ...(MEDIA_TYPE.test(mediaType) && !VAGUE.has(mediaType) && { mediaType }),
    ...(isDigest(digest) && { digest }),
    ...(/^[1-9]\d{0,9}$/.test(length) && { size: Number(length) }),
  }
}

/**
 * The descriptor that a HEAD amounts to; undefined when it says too little, and a GET has to tell.
 * @throws HearthError DIGEST_MISMATCH when the registry announces another digest than was asked for.
 */
export function announcedDescriptor(
  announced: AnnouncedManifest,
  asked: Digest | undefined,
  where: Where,
): Descriptor | undefined {
  const { mediaType, size } = announced
  if (asked !== undefined) demandSame(announced.digest, asked, where)
  const digest = asked ?? announced.digest
  if (mediaType === undefined || size === undefined || digest === undefined) return undefined
  return { mediaType, digest, size }
}

/** Only digests of one algorithm can be compared; another one says nothing about what was asked. RELIABILITY 7.2 D2. */
export function demandSame(actual: Digest | undefined, expected: Digest, where: Where): void {
  if (actual === undefined || actual === expected || algorithmOf(actual) !== algorithmOf(expected)) return
  throw new HearthError('DIGEST_MISMATCH', `${where.host} sent another manifest than asked`, {
    ...where,
    expected,
    actual,
  })
}

/**
 * The type of a manifest that came: what the header says, else what the document says of itself or looks like.
 * @throws HearthError MANIFEST_INVALID when the bytes are empty, cut off or no JSON object; PROTOCOL_ERROR for a page.
 */
export function manifestType(bytes: Uint8Array, announced: string | undefined, where: Where): string {
  const document = parseObject(bytes, where)
  if (announced !== undefined) return announced
  const { mediaType } = document
  if (typeof mediaType === 'string' && (KNOWN.has(mediaType) || MEDIA_TYPE.test(mediaType))) return mediaType
  if (Array.isArray(document.manifests)) return OCI_INDEX
  if (Array.isArray(document.layers)) return OCI_MANIFEST
  throw new HearthError('MANIFEST_INVALID', `${where.host} sent something that is no manifest`, { ...where })
}

function parseObject(bytes: Uint8Array, where: Where): Record<string, unknown> {
  try {
    // A byte order mark or broken UTF-8 would be repaired silently by the lenient decoder.
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    if (/^\s{0,64}<(!doctype|html|\?xml)/i.test(text)) throw captivePortal(where)
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch (cause) {
    // TypeError: not UTF-8.
    if (!(cause instanceof SyntaxError || cause instanceof TypeError)) throw cause
  }
  const what = bytes.length === 0 ? 'an empty manifest' : 'a manifest that is cut off or no JSON object'
  throw new HearthError('MANIFEST_INVALID', `${where.host} sent ${what}`, { ...where, size: bytes.length })
}

function captivePortal(where: Where): HearthError {
  const message = `${where.host} answered with a web page instead of a manifest (captive portal?)`
  return new HearthError('PROTOCOL_ERROR', message, { ...where, reason: 'HTML' })
}
