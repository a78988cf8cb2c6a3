import { type LookupAddress, type LookupOptions, lookup } from 'node:dns'
import * as tls from 'node:tls'
import type * as undici from 'undici'
import { HearthError } from '../errors.js'
import type { TransportOptions } from '../transport.js'
import { literalReach } from './address.js'
import { listsHost } from './host-list.js'
import { buildConnector } from './http-undici.js'

export type Connector = undici.buildConnector.connector

/** What every socket of one side of a transport is made with. Fit to be spread into undici's own connector options. */
export interface ConnectSettings {
  /** Milliseconds for DNS, TCP and TLS together. */
  readonly timeout: number
  readonly secureContext?: tls.SecureContext
  readonly lookup?: Lookup
}

/** Makes a connector: undici's own, or one whose sockets read in another way. */
export type BuildConnector = (options: undici.buildConnector.BuildOptions) => Connector

/** For the registries and mirrors that the user named. */
export function homeSettings(options: TransportOptions): ConnectSettings {
  return settingsWith(options, options.clientCertificate)
}

/**
 * For where they send us: no client certificate, and no name that DNS points at this machine or its link, unless the user
 * named it (RELIABILITY 7.1 C2, 7.5 H15).
 * @param isHome whether a host name is one that requests went to of our own accord.
 */
export function foreignSettings(options: TransportOptions, isHome: (hostname: string) => boolean): ConnectSettings {
  return { ...settingsWith(options, undefined), lookup: guardLookup(lookup, isHome) }
}

/** Opens sockets, and leaves a certificate unchecked for exactly the hosts that the options name. */
export function connectorFor(
  options: TransportOptions,
  settings: ConnectSettings,
  build: BuildConnector = buildConnector,
): Connector {
  const open = (rejectUnauthorized: boolean): Connector =>
    build({ ...settings, rejectUnauthorized, allowH2: false } as undici.buildConnector.BuildOptions)
  const checking = open(true)
  const trusting = open(false)
  return (target, callback) => {
    const { protocol, hostname, port } = target
    const url = new URL(
      `${protocol}//${hostname.includes(':') && !hostname.startsWith('[') ? `[${hostname}]` : hostname}`,
    )
    url.port = port
    return (listsHost(options.insecureHosts, url) ? trusting : checking)(target, callback)
  }
}

function settingsWith(
  { connectTimeoutMs, ca }: TransportOptions,
  shown: TransportOptions['clientCertificate'],
): ConnectSettings {
  const secureContext = secureContextFor(ca, shown)
  return { timeout: connectTimeoutMs, ...(secureContext !== undefined && { secureContext }) }
}

/**
 * One context for all sockets of a side: handing `ca` to each connection would parse some 150 certificates each time.
 * Undefined when Node's own defaults will do.
 */
function secureContextFor(
  ca: readonly string[],
  shown: TransportOptions['clientCertificate'],
): tls.SecureContext | undefined {
  if (ca.length === 0 && shown === undefined) return undefined
  // Node passes over what is no certificate without a word.
  if (ca.some((pem) => !pem.includes('-----BEGIN CERTIFICATE-----'))) throw unusable('NOT_PEM')
  try {
    return tls.createSecureContext({ ...(ca.length > 0 && { ca: [...defaultRoots(), ...ca] }), ...shown })
  } catch (cause) {
    // Not kept as the cause: OpenSSL's message may quote the file, and the file may be a key.
    throw unusable((cause as NodeJS.ErrnoException).code ?? 'UNREADABLE')
  }
}

function unusable(reason: string): HearthError {
  return new HearthError('OPTION_INVALID', `a certificate or key cannot be used (${reason})`, { reason })
}

/** Node 22 and later can say what it trusts, with NODE_EXTRA_CA_CERTS and the system's store where those are on. */
function defaultRoots(): readonly string[] {
  const { getCACertificates } = tls as { getCACertificates?: (type: 'default') => string[] }
  return getCACertificates?.('default') ?? tls.rootCertificates
}

type LookupCallback = (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void
/** What a socket resolves names with: dns.lookup, as far as sockets use it. */
export type Lookup = (hostname: string, options: LookupOptions, callback: LookupCallback) => void
/** dns.lookup when it is asked for all addresses. */
type LookupAll = (
  hostname: string,
  options: LookupOptions & { readonly all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void

/**
 * A lookup that refuses a name when any of its addresses is loopback or link-local. It judges the very addresses that the
 * socket will use, so a second answer (DNS rebinding) changes nothing. `localhost` has been judged by its name already, and
 * a registry on this machine may have its storage on another port of the same name.
 */
export function guardLookup(resolve: LookupAll, isHome: (hostname: string) => boolean): Lookup {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, [])
      const internal = addresses.find(({ address }) => ['loopback', 'link-local'].includes(literalReach(address) ?? ''))
      if (internal !== undefined && literalReach(hostname) !== 'loopback' && !isHome(hostname)) {
        const details = { host: hostname, address: internal.address }
        return callback(new HearthError('REDIRECT_REFUSED', `${hostname} is an internal address`, details), [])
      }
      const [first] = addresses
      if (options.all === true) return callback(null, addresses)
      callback(null, first?.address ?? '', first?.family ?? 0)
    })
  }
}
