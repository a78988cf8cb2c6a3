import { literalReach } from './address.js'

/**
 * Whether an option's list of hosts names the host of `url`: `*`, `name` for every port, or `name:port`.
 * Never a suffix or a prefix: `registry.example.com` says nothing about `registry.example.com.evil.com`.
 */
export function listsHost(list: readonly string[], url: URL): boolean {
  const name = url.hostname.replace(/\.$/, '')
  const port = url.port === '' ? (url.protocol === 'http:' ? '80' : '443') : url.port
  return list.some((entry) => entry === '*' || entry === name || entry === `${name}:${port}`)
}

/**
 * The scheme for a registry that was named without one. Loopback is plain HTTP, as for docker: nobody listens in between.
 * There is no trying of one after the other, because a fall-back from TLS to nothing is what an attacker would ask for; a
 * loopback registry that does speak TLS is named as its own mirror, `localhost:5000=https://localhost:5000`.
 */
export function schemeFor(host: string, options: { readonly plainHttpHosts: readonly string[] }): 'http' | 'https' {
  const https = `https://${host}`
  if (!URL.canParse(https)) return 'https'
  const url = new URL(https)
  if (literalReach(url.hostname) === 'loopback') return 'http'
  return listsHost(options.plainHttpHosts, url) || listsHost(options.plainHttpHosts, new URL(`http://${host}`))
    ? 'http'
    : 'https'
}
