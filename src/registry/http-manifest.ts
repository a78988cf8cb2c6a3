import { isHearthError } from '../errors.js'
import type { Descriptor } from '../oci/descriptor.js'
import { algorithmOf, type Digest } from '../oci/digest.js'
import { digestBytes } from '../oci/hasher.js'
import { MAX_MANIFEST_BYTES } from '../oci/manifest.js'
import { MANIFEST_ACCEPT } from '../oci/media-type.js'
import { contentUrl } from './endpoint-url.js'
import { exchangeAuthorized, type RepositoryRequest } from './http-authorized.js'
import { demandOk, type Exchanged } from './http-client.js'
import { announcedDescriptor, demandSame, manifestType, readAnnounced } from './manifest-answer.js'
import type { FetchedManifest } from './registry.js'
import type { Where } from './where.js'

export interface ManifestRequest extends RepositoryRequest {
  /** Tag or digest, as it stands in the URL. */
  readonly name: string
  /** What the bytes must hash to, when that is known. */
  readonly digest?: Digest
}

/** The wanted types first; anything else at all rather than a 404, because an artifact's type may be any. */
const ACCEPT = [...MANIFEST_ACCEPT, '*/*;q=0.1'].join(', ')
/** Statuses with which registries, and proxies before them, have answered a HEAD that they do not serve. */
const HEAD_UNKNOWN: ReadonlySet<number> = new Set([400, 404, 405, 406, 501])

/**
 * One HEAD; undefined when its answer is of no use and a GET has to tell. That includes 404: a HEAD's error has no body
 * that could say what is missing.
 * @throws HearthError as {@link fetchManifest}
 */
export async function headManifest(request: ManifestRequest): Promise<Descriptor | undefined> {
  const where = { host: request.endpoint.host, step: 'resolve' } as const
  const answer = await ask(request, { method: 'HEAD', where })
  if (HEAD_UNKNOWN.has(answer.status)) return undefined
  demandOk(answer, where, request.now())
  return announcedDescriptor(readAnnounced(answer.headers, where), request.digest, where)
}

/**
 * One GET, or two: the bytes are hashed and compared with the digest that was asked for; without one, with the digest that
 * the registry announced, if it did. Wrong bytes may come from a cache on the way, or from a connection that ended early
 * where no length was announced, so they are asked for once more, past all caches.
 * @throws HearthError MANIFEST_UNKNOWN, MANIFEST_TOO_LARGE, MANIFEST_INVALID, DIGEST_MISMATCH, UNAUTHORIZED …
 */
export async function fetchManifest(request: ManifestRequest): Promise<FetchedManifest> {
  try {
    return await fetchOnce(request, { fresh: false })
  } catch (error) {
    if (!isHearthError(error, 'DIGEST_MISMATCH')) throw error
    return await fetchOnce(request, { fresh: true })
  }
}

async function fetchOnce(request: ManifestRequest, { fresh }: { readonly fresh: boolean }): Promise<FetchedManifest> {
  const where = { host: request.endpoint.host, step: 'manifest' } as const
  const headers = fresh ? { 'cache-control': 'no-cache' } : {}
  const answer = demandOk(await ask(request, { method: 'GET', where, headers }), where, request.now())
  const announced = readAnnounced(answer.headers, where)
  const bytes = answer.body
  const expected = request.digest ?? announced.digest
  const digest = await digestBytes(bytes, expected === undefined ? 'sha256' : algorithmOf(expected))
  // Nothing at all is not worth a second try, as a wrong digest would be.
  if (bytes.length > 0 && expected !== undefined) demandSame(digest, expected, where)
  const mediaType = manifestType(bytes, announced.mediaType, where)
  return { descriptor: { mediaType, digest, size: bytes.length }, bytes }
}

interface Question {
  readonly method: 'GET' | 'HEAD'
  readonly where: Where
  readonly headers?: Readonly<Record<string, string>>
}

function ask(request: ManifestRequest, { method, where, headers }: Question): Promise<Exchanged> {
  const { endpoint, repository, name } = request
  return exchangeAuthorized(request, {
    method,
    url: contentUrl(endpoint, repository, 'manifests', name),
    headers: { accept: ACCEPT, ...headers },
    where,
    maxBytes: MAX_MANIFEST_BYTES,
    tooLarge: 'MANIFEST_TOO_LARGE',
  })
}
