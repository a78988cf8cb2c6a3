import { HearthError } from '../errors.js'
import { isTag } from '../oci/reference.js'
import { allHeaders, type HeaderFields } from './header-fields.js'
import type { Where } from './where.js'

/**
 * The tags on one page of a tag list. A repository without tags may say null. What is no tag cannot be pulled and is left
 * out. Spec: distribution-spec v1.1 "Listing Tags".
 * @throws HearthError PROTOCOL_ERROR for anything but a tag list.
 */
export function parseTagPage(body: Uint8Array, where: Where): readonly string[] {
  const tags = (parseObject(body, where) as { readonly tags?: unknown }).tags ?? []
  if (!Array.isArray(tags)) throw noTagList(where)
  return tags.filter((tag): tag is string => typeof tag === 'string' && isTag(tag))
}

/**
 * Where the next page is; undefined on the last one.
 *
 *     Link: </v2/library/redis/tags/list?n=1000&last=7>; rel="next"
 *
 * @throws HearthError PROTOCOL_ERROR when it is on another origin: whoever asks there would hand over credentials.
 */
export function nextPage(headers: HeaderFields, current: URL, where: Where): URL | undefined {
  // A comma within <…> is part of the address.
  const links = allHeaders(headers, 'link').flatMap((value) => value.match(/<[^<>]*>[^,<]*/g) ?? [])
  const next = links.find((link) => /;\s*rel\s*=\s*(?:"next"|next(?:[\s;]|$))/i.test(link))
  if (next === undefined) return undefined
  const address = next.slice(1, next.indexOf('>'))
  const url = URL.canParse(address, current.href) ? new URL(address, current) : undefined
  if (url?.origin === current.origin) return url
  throw new HearthError('PROTOCOL_ERROR', `${where.host} continues its list elsewhere`, { ...where })
}

function parseObject(body: Uint8Array, where: Where): object {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body))
    if (typeof value === 'object' && value !== null) return value
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw noTagList(where)
}

function noTagList(where: Where): HearthError {
  return new HearthError('PROTOCOL_ERROR', `${where.host} answered with something else than a tag list`, { ...where })
}
