import { HearthError } from '../errors.js'
import { tagsUrl } from './endpoint-url.js'
import { exchangeAuthorized, type RepositoryRequest } from './http-authorized.js'
import { demandOk } from './http-client.js'
import { nextPage, parseTagPage } from './tag-page.js'
import type { Where } from './where.js'

/** What registries give at most; some refuse to be asked for more. */
const TAGS_PER_PAGE = 1000
const MAX_PAGES = 1000
/** Together with the pages, bounds what a registry can make us remember. */
const MAX_TAGS = 1_000_000
/** Some registries ignore the limit and send everything at once: 100,000 long tags fit. */
const MAX_PAGE_BYTES = 16 * 1024 * 1024

/**
 * Every tag of a repository, page after page.
 * @throws HearthError NAME_UNKNOWN, UNAUTHORIZED …, PROTOCOL_ERROR for a list without an end.
 */
export async function fetchTags(request: RepositoryRequest): Promise<readonly string[]> {
  const where = { host: request.endpoint.host, step: 'tags' } as const
  const tags = new Set<string>()
  const asked = new Set<string>()
  let url: URL | undefined = tagsUrl(request.endpoint, request.repository, TAGS_PER_PAGE)
  while (url !== undefined) {
    if (asked.has(url.href) || asked.size === MAX_PAGES) throw endless(where)
    asked.add(url.href)
    const answer = await exchangeAuthorized(request, {
      method: 'GET',
      url,
      headers: { accept: 'application/json' },
      where,
      maxBytes: MAX_PAGE_BYTES,
      tooLarge: 'PROTOCOL_ERROR',
    })
    const { body, headers } = demandOk(answer, where, request.now())
    for (const tag of parseTagPage(body, where)) tags.add(tag)
    if (tags.size > MAX_TAGS) throw endless(where)
    url = nextPage(headers, url, where)
  }
  return [...tags]
}

function endless(where: Where): HearthError {
  return new HearthError('PROTOCOL_ERROR', `the tag list of ${where.host} has no end`, { ...where })
}
