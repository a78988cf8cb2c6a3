import type * as undici from 'undici'
import type { TransportOptions } from '../transport.js'
import {
  type BuildConnector,
  type ConnectSettings,
  connectorFor,
  foreignSettings,
  homeSettings,
} from './http-connect.js'
import { ProxyAgents } from './http-proxy.js'
import { Agent } from './http-undici.js'

/** The sockets of one thread. */
export interface Transport {
  readonly options: TransportOptions
  /** For registries and mirrors, as long as a request has not been redirected away. */
  readonly home: undici.Dispatcher
  /** For token realms on another origin, and for where a redirect led: see {@link foreignSettings}. */
  readonly foreign: undici.Dispatcher
  /** Waits for what is under way. Idempotent. */
  close(): Promise<void>
  /** Ends what is under way. Idempotent. */
  destroy(): Promise<void>
}

/** Real registries stay below 8 KiB; a token that long would be refused by their own front ends. */
const MAX_HEADER_BYTES = 16 * 1024

/**
 * Opens no socket yet. The caller closes it.
 * @param extras.build another way to open sockets, for direct connections.
 * @throws HearthError OPTION_INVALID when a certificate or key cannot be used.
 */
export function openTransport(
  options: TransportOptions,
  { build }: { readonly build?: BuildConnector } = {},
): Transport {
  const homeHosts = new Set<string>()
  const home = openSide(options, homeSettings(options), {
    build,
    onRequest: ({ hostname }) => homeHosts.add(hostname),
  })
  const foreign = openSide(
    options,
    foreignSettings(options, (hostname) => homeHosts.has(hostname)),
    { build },
  )
  return {
    options,
    home: home.dispatcher,
    foreign: foreign.dispatcher,
    close: async () => void (await Promise.all([home.end('close'), foreign.end('close')])),
    destroy: async () => void (await Promise.all([home.end('destroy'), foreign.end('destroy')])),
  }
}

interface Side {
  readonly dispatcher: undici.Dispatcher
  end(how: 'close' | 'destroy'): Promise<void>
}

/** Each origin goes out directly or through its proxy. undici's EnvHttpProxyAgent reads the environment and knows no networks. */
function openSide(
  options: TransportOptions,
  settings: ConnectSettings,
  { build, onRequest }: { readonly build: BuildConnector | undefined; readonly onRequest?: (target: URL) => void },
): Side {
  const limits: undici.Agent.Options = {
    connections: options.connectionsPerHost,
    pipelining: 1,
    // One TCP connection and one congestion window for all layers would be the price of HTTP/2.
    allowH2: false,
    headersTimeout: options.headersTimeoutMs,
    bodyTimeout: options.bodyTimeoutMs,
    maxHeaderSize: MAX_HEADER_BYTES,
  }
  const direct = new Agent({ ...limits, connect: connectorFor(options, settings, build) })
  const proxies = new ProxyAgents(options, limits, settings)
  const dispatcher = direct.compose((dispatch) => (request, handler) => {
    const target = new URL(String(request.origin))
    onRequest?.(target)
    const proxy = proxies.for(target)
    return proxy === undefined ? dispatch(request, handler) : proxy.dispatch(request, handler)
  })
  return {
    dispatcher,
    end: async (how) => {
      const alive = [direct, ...proxies.all()].filter((agent) => !agent.destroyed && !(how === 'close' && agent.closed))
      await Promise.all(alive.map((agent) => agent[how]()))
    },
  }
}
