import { HearthError } from '../errors.js'
import { inNetwork, literalReach } from './address.js'

export interface ProxySettings {
  readonly http?: string
  readonly https?: string
  readonly none?: string
}

/**
 * The proxy to send a request for `target` through; undefined for a direct connection. Loopback is never proxied.
 *
 * `none` is what NO_PROXY holds: entries separated by commas or spaces, each `*`, a name (which covers the names below it),
 * `.name`, either with `:port`, an address, or a network such as `10.0.0.0/8`.
 *
 * @throws HearthError OPTION_INVALID when the proxy is no http or https URL.
 */
export function proxyFor(target: URL, proxy: ProxySettings): URL | undefined {
  const text = target.protocol === 'https:' ? proxy.https : proxy.http
  if (text === undefined || text === '' || isExcepted(target, proxy.none ?? '')) return undefined
  const href = text.includes('://') ? text : `http://${text}`
  const url = URL.canParse(href) ? new URL(href) : undefined
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url
  throw new HearthError('OPTION_INVALID', 'the proxy is not an http or https URL', { scheme: url?.protocol ?? 'none' })
}

function isExcepted(target: URL, none: string): boolean {
  const name = target.hostname.toLowerCase().replace(/\.$/, '')
  if (literalReach(name) === 'loopback') return true
  const port = target.port === '' ? (target.protocol === 'https:' ? '443' : '80') : target.port
  return none
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => entry !== '' && covers(entry, name, port))
}

function covers(entry: string, name: string, port: string): boolean {
  if (entry === '*') return true
  if (entry.includes('/')) return inNetwork(name, entry)
  const [, host = entry, entryPort] = /^(.*?)(?::(\d+))?$/.exec(isBareV6(entry) ? `[${entry}]` : entry) ?? []
  if (entryPort !== undefined && entryPort !== port) return false
  const suffix = host.replace(/^\*?\./, '')
  return name === suffix || name.endsWith(`.${suffix}`)
}

function isBareV6(entry: string): boolean {
  return !entry.startsWith('[') && entry.split(':').length > 2
}
