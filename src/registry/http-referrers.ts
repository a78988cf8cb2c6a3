import { type ErrorCode, HearthError, isHearthError } from '../errors.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'
import { MAX_MANIFEST_BYTES } from '../oci/manifest.js'
import { OCI_INDEX } from '../oci/media-type.js'
import { referrersTag } from '../oci/referrer.js'
import { referrersUrl } from './endpoint-url.js'
import { exchangeAuthorized, type RepositoryRequest } from './http-authorized.js'
import { demandOk } from './http-client.js'
import { fetchManifest } from './http-manifest.js'
import { distinctOfType, parseReferrers } from './referrers-answer.js'
import { nextPage } from './tag-page.js'
import type { Where } from './where.js'

export interface ReferrersRequest extends RepositoryRequest {
  readonly digest: Digest
  readonly artifactType?: string
}

const MAX_PAGES = 100
/** More refer to one manifest in no repository that means well. */
const MAX_REFERRERS = 10_000
/** What registries answer that know no referrers. */
const NO_API: ReadonlySet<number> = new Set([400, 404, 405, 406, 415, 501])
/** What it means for the tag that nothing is there, or nothing that could be a list. */
const NO_LIST: ReadonlySet<ErrorCode> = new Set(['MANIFEST_UNKNOWN', 'NAME_UNKNOWN', 'MANIFEST_INVALID'])

/**
 * What refers to a manifest: from the referrers API, page after page, or from the tag that stands in for it.
 * @throws HearthError PROTOCOL_ERROR for a list without an end; UNAUTHORIZED, DENIED …
 */
export async function fetchReferrers(request: ReferrersRequest): Promise<readonly Descriptor[]> {
  const found = (await fromApi(request)) ?? (await behindTag(request))
  return distinctOfType(found, request.artifactType)
}

/**
 * What a mirror lists by its referrers API; undefined without one. Its tag is not asked: what a
 * cache has under a tag may be older than the list.
 */
export async function fetchMirrored(request: ReferrersRequest): Promise<readonly Descriptor[] | undefined> {
  const found = await fromApi(request)
  return found && distinctOfType(found, request.artifactType)
}

/** Undefined where there is no such API; that is, too, where something else answers in its place, and says that all is well. */
async function fromApi(request: ReferrersRequest): Promise<readonly Descriptor[] | undefined> {
  const where = { host: request.endpoint.host, step: 'referrers' } as const
  const found: Descriptor[] = []
  const asked = new Set<string>()
  let url: URL | undefined = referrersUrl(request.endpoint, request.repository, request)
  while (url !== undefined) {
    if (asked.has(url.href) || asked.size === MAX_PAGES || found.length > MAX_REFERRERS) throw endless(where)
    asked.add(url.href)
    const answer = await exchangeAuthorized(request, {
      method: 'GET',
      url,
      headers: { accept: OCI_INDEX },
      where,
      maxBytes: MAX_MANIFEST_BYTES,
      tooLarge: 'PROTOCOL_ERROR',
    })
    if (asked.size === 1 && NO_API.has(answer.status)) return undefined
    const { body, headers } = demandOk(answer, where, request.now())
    const page = parseReferrers(body)
    if (page === undefined && asked.size === 1) return undefined
    if (page === undefined) throw noList(where)
    found.push(...page)
    url = nextPage(headers, url, where)
  }
  return found
}

/**
 * None where there is no index under the tag. A registry may also take the tag for the digest that it is made of, as GitLab
 * does: then the subject itself stands there, which may be an index and is no list all the same.
 */
async function behindTag(request: ReferrersRequest): Promise<readonly Descriptor[]> {
  const { digest, artifactType: _, ...context } = request
  try {
    const { bytes, descriptor } = await fetchManifest({ ...context, name: referrersTag(digest) })
    return (descriptor.digest === digest ? undefined : parseReferrers(bytes)) ?? []
  } catch (error) {
    // A web page stays an error: what answers with one to everything is no registry.
    if (isHearthError(error) && NO_LIST.has(error.code)) return []
    throw error
  }
}

function noList(where: Where): HearthError {
  const message = `${where.host} went on with something else than a list of referrers`
  return new HearthError('PROTOCOL_ERROR', message, { ...where })
}

function endless(where: Where): HearthError {
  return new HearthError('PROTOCOL_ERROR', `the list of referrers of ${where.host} has no end`, { ...where })
}
