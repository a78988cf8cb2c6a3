import { HearthError } from '../errors.js'
import { literalReach } from './address.js'
import { schemeFor } from './host-list.js'

/** A token server, checked. */
export interface Realm {
  readonly url: URL
  /** Whether a credential of the registry may be shown to it. An anonymous question harms nobody. */
  readonly trusted: boolean
}

export interface RealmQuestion {
  /** The origin that named the realm. */
  readonly registry: URL
  readonly plainHttpHosts: readonly string[]
}

/** Second labels under which a country's registry sells names: `co.uk`, `com.au`, `ne.jp` … */
const GENERIC_LABELS: ReadonlySet<string> = new Set([
  ...['ac', 'co', 'com', 'edu', 'go', 'gob', 'gouv', 'gov', 'gv', 'id', 'ltd', 'me', 'mil', 'ne', 'net', 'nhs', 'nom'],
  ...['or', 'org', 'plc', 'res', 'sch'],
])
/** Domains whose neighbours are strangers to one another, and where registries may live. */
const SHARED_DOMAINS: readonly string[] = [
  ...['amazonaws.com', 'appspot.com', 'aws.dev', 'awsapprunner.com', 'azure-api.net', 'azurecr.cn', 'azurecr.io'],
  ...[
    'azurewebsites.net',
    'cloudapp.azure.com',
    'cloudapp.net',
    'cloudfront.net',
    'digitaloceanspaces.com',
    'duckdns.org',
  ],
  ...['fly.dev', 'github.io', 'gitlab.io', 'googleapis.com', 'herokuapp.com', 'jfrog.io'],
  ...[
    'netlify.app',
    'ngrok-free.app',
    'ngrok.io',
    'nip.io',
    'on.aws',
    'onrender.com',
    'pages.dev',
    'pkg.dev',
    'run.app',
  ],
  ...['scw.cloud', 'sslip.io', 'trycloudflare.com', 'vercel.app', 'windows.net', 'workers.dev', 'xip.io'],
]

/**
 * Judges the realm of a Bearer challenge, or where a token server redirects to: a hostile or tampered answer names its own
 * server here to be sent a password, or an internal address to be asked on its behalf. RELIABILITY 7.1 C2, C5.
 * @throws HearthError REDIRECT_REFUSED for what must not even be asked: another scheme, plain HTTP named by an https registry or
 * for a host that is not plain by option, user information, or an internal address that is not the registry's own.
 */
export function checkRealm(text: string, { registry, plainHttpHosts }: RealmQuestion): Realm {
  const url = text.length <= 4096 && URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    throw refused(registry, 'no web address')
  if (url.username !== '' || url.password !== '') throw refused(registry, 'user information in it')
  const sameHost = url.hostname === registry.hostname
  const plain = sameHost || schemeFor(url.host, { plainHttpHosts }) === 'http'
  if (url.protocol === 'http:' && (registry.protocol === 'https:' || !plain)) throw refused(registry, 'plain HTTP', url)
  const [reach, from] = [literalReach(url.hostname), literalReach(registry.hostname)]
  const bothLoopback = reach === 'loopback' && from === 'loopback'
  if (reach !== undefined && reach !== 'public' && !sameHost && !bothLoopback) {
    throw refused(registry, 'an internal address', url)
  }
  url.hash = ''
  return { url, trusted: sameHost || bothLoopback || isSameSite(url.hostname, registry.hostname) }
}

/**
 * Whether two names belong to one owner: equal, or below one registrable domain. Without the Public Suffix List this errs
 * on the side of "no": a domain under a country's generic label needs three labels in common, a shared domain one more
 * than itself, and an address or a name of one label has no relatives.
 */
export function isSameSite(a: string, b: string): boolean {
  const [one, two] = [a, b].map((name) => name.toLowerCase().replace(/\.$/, '')) as [string, string]
  if (one === two) return true
  if (literalReach(one) !== undefined || literalReach(two) !== undefined) return false
  const site = registrableDomain(one)
  return site !== undefined && site === registrableDomain(two)
}

function registrableDomain(name: string): string | undefined {
  const labels = name.split('.')
  const shared = SHARED_DOMAINS.find((domain) => name === domain || name.endsWith(`.${domain}`))
  if (shared !== undefined) return take(labels, shared.split('.').length + 1)
  const [top = '', second = ''] = labels.toReversed()
  return take(labels, top.length === 2 && GENERIC_LABELS.has(second) ? 3 : 2)
}

function take(labels: readonly string[], count: number): string | undefined {
  return labels.length < count ? undefined : labels.slice(-count).join('.')
}

function refused(registry: URL, why: string, realm?: URL): HearthError {
  const details = { host: registry.host, step: 'token', ...(realm && { realm: realm.host }) }
  return new HearthError('REDIRECT_REFUSED', `${registry.host} names a token server that is refused: ${why}`, details)
}
