import { HearthError } from '../errors.js'
import { literalReach, type Reach } from './address.js'
import type { Where } from './where.js'

/** One request on its way through redirects. Made by {@link firstHop}, continued by {@link nextHop}. */
export interface Hop {
  readonly url: URL
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** Redirects followed so far. */
  readonly hops: number
  /** True once a redirect has left the origin of the first request; it stays true when a later one leads back. */
  readonly foreign: boolean
  /** Where the first request went. */
  readonly start: URL
  readonly where: Where
}

const MAX_HOPS = 5
const STATUSES: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
const SECRET_HEADERS: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization'])

/** Where a literal address may be redirected to. Nobody but a link-local host itself may name a link-local one. */
const REACHABLE_FROM: Readonly<Record<Reach, readonly Reach[]>> = {
  loopback: ['loopback', 'private', 'public'],
  private: ['private', 'public'],
  'link-local': ['link-local', 'public'],
  public: ['public'],
}

export function isRedirect(status: number): boolean {
  return STATUSES.has(status)
}

export function firstHop(url: URL, headers: Readonly<Record<string, string>>, where: Where): Hop {
  const lowered = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  return { url, headers: lowered, hops: 0, foreign: false, start: url, where }
}

/**
 * The request that a redirect asks for. Credentials are dropped when scheme, host or port changes, and never come back;
 * send a foreign hop through the transport's `foreign` side, which shows no client certificate either.
 * @throws HearthError REDIRECT_REFUSED for a sixth hop, another status, a missing or unreadable Location, a scheme other than
 * http and https, https to http, user information, or a literal address that the registry has no business to name.
 */
export function nextHop(from: Hop, status: number, location: string | undefined): Hop {
  if (!STATUSES.has(status)) throw refused(from, `status ${status} is no redirect to follow`)
  if (from.hops >= MAX_HOPS) throw refused(from, `more than ${MAX_HOPS} redirects`)
  const url = resolveLocation(from, location)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw refused(from, 'a scheme other than http and https')
  if (url.protocol === 'http:' && from.url.protocol === 'https:') throw refused(from, 'from https to http')
  if (url.username !== '' || url.password !== '') throw refused(from, 'user information in Location')
  if (!mayReach(from.start, url)) throw refused(from, `to the internal address ${url.hostname}`)
  const sameOrigin = url.origin === from.url.origin
  const foreign = from.foreign || url.origin !== from.start.origin
  const headers = sameOrigin ? from.headers : withoutSecrets(from.headers)
  return { ...from, url, headers, foreign, hops: from.hops + 1 }
}

function resolveLocation(from: Hop, location: string | undefined): URL {
  if (location === undefined || location.length > 16_384 || !URL.canParse(location, from.url.href)) {
    throw refused(from, 'without a readable Location')
  }
  const url = new URL(location, from.url)
  url.hash = ''
  return url
}

/** A name instead of an address is judged after DNS, by the transport. RELIABILITY 7.5 H15. */
function mayReach(start: URL, target: URL): boolean {
  const reach = literalReach(target.hostname)
  if (reach === undefined || reach === 'public' || target.hostname === start.hostname) return true
  return REACHABLE_FROM[literalReach(start.hostname) ?? 'public'].includes(reach)
}

function withoutSecrets(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !SECRET_HEADERS.has(name)))
}

function refused(from: Hop, why: string): HearthError {
  return new HearthError('REDIRECT_REFUSED', `redirect refused: ${why}`, { ...from.where, hops: from.hops })
}
