import { HearthError, isHearthError } from '../errors.js'
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

/**
 * What refers to a manifest: from the referrers API, page after page, or from the tag that stands in for it.
 * @throws HearthError PROTOCOL_ERROR for a list without an end; UNAUTHORIZED, DENIED …
 */
export async function fetchReferrers(request: ReferrersRequest): Promise<readonly Descriptor[]> {
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
    if (asked.size === 1 && NO_API.has(answer.status))
      return distinctOfType(await behindTag(request, where), request.artifactType)
    const { body, headers } = demandOk(answer, where, request.now())
    found.push(...parseReferrers(body, where))
    url = nextPage(headers, url, where)
  }
  return distinctOfType(found, request.artifactType)
}

async function behindTag(request: ReferrersRequest, where: Where): Promise<readonly Descriptor[]> {
  const { digest, artifactType: _, ...context } = request
  try {
    const { bytes } = await fetchManifest({ ...context, name: referrersTag(digest) })
    return parseReferrers(bytes, where)
  } catch (error) {
    if (isHearthError(error, 'MANIFEST_UNKNOWN') || isHearthError(error, 'NAME_UNKNOWN')) return []
    throw error
  }
}

function endless(where: Where): HearthError {
  return new HearthError('PROTOCOL_ERROR', `the list of referrers of ${where.host} has no end`, { ...where })
}
