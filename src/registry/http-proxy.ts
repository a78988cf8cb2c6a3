import type * as undici from 'undici'
import type { TransportOptions } from '../transport.js'
import { listsHost } from './host-list.js'
import { type Connector, type ConnectSettings, foreignSettings } from './http-connect.js'
import { Pool, ProxyAgent } from './http-undici.js'
import { proxyError, proxyRefusal } from './network-error.js'
import { proxyFor } from './no-proxy.js'

/** undici's types leave out what every dispatcher has. */
type LivingProxyAgent = undici.ProxyAgent & { readonly closed: boolean; readonly destroyed: boolean }

/**
 * The agents that go through a proxy, made when first needed. Behind a proxy it is the proxy that asks DNS, so the guard on
 * names that `foreign` hops have on direct connections cannot work there; its own access list has to.
 */
export class ProxyAgents {
  readonly #agents = new Map<string, LivingProxyAgent>()

  constructor(
    private readonly options: TransportOptions,
    private readonly limits: undici.Agent.Options,
    private readonly settings: ConnectSettings,
  ) {}

  all(): Iterable<LivingProxyAgent> {
    return this.#agents.values()
  }

  /** Undefined for a direct connection. @throws HearthError OPTION_INVALID when the proxy is no http or https URL. */
  for(target: URL): LivingProxyAgent | undefined {
    const proxy = proxyFor(target, this.options.proxy)
    if (proxy === undefined) return undefined
    // A ProxyAgent has one TLS policy for all its targets, so those whose certificate is not checked have one of their own.
    const checked = !listsHost(this.options.insecureHosts, target)
    const key = `${checked} ${proxy.href}`
    const agent = this.#agents.get(key) ?? this.#open(proxy, checked)
    this.#agents.set(key, agent)
    return agent
  }

  #open(proxy: URL, rejectUnauthorized: boolean): LivingProxyAgent {
    const { limits } = this
    const { timeout, secureContext } = this.settings
    // What a proxy gets to see is what a foreign host does: our authorities, not our certificate.
    const { secureContext: proxyContext } = foreignSettings(this.options, () => false)
    const agent = new ProxyAgent({
      ...limits,
      uri: proxy.href,
      // Many proxies allow CONNECT to port 443 alone: plain requests go the plain way.
      proxyTunnel: false,
      // Without this the plain way would have undici's own limits instead of ours.
      factory: (origin, given) => {
        // Of the plain way, the origin is the proxy itself.
        const judge = String(origin) === proxy.href ? proxyError : proxyRefusal
        return new Pool(origin, { ...limits, connect: blaming(proxy, connectorIn(given), judge) })
      },
      clientFactory: (origin, given) => new Pool(origin, { connect: blaming(proxy, connectorIn(given), proxyError) }),
      proxyTls: { timeout, ...(proxyContext && { secureContext: proxyContext }) },
      requestTls: { timeout, rejectUnauthorized, ...(secureContext && { secureContext }) },
    } as undici.ProxyAgent.Options)
    return agent as LivingProxyAgent
  }
}

/** undici's own connector to a proxy, or through it. */
function connectorIn(given: object): Connector {
  return (given as { readonly connect: Connector }).connect
}

/** A connector whose errors say which proxy they are about: otherwise they would look like the registry's. */
function blaming({ hostname, port, protocol }: URL, connect: Connector, judge: typeof proxyError): Connector {
  const host = `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`
  return (target, callback) =>
    connect(target, (...[error, socket]) => {
      if (error === null) callback(null, socket)
      else callback(judge(error, host) as Error, null)
    })
}
