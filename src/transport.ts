/**
 * How to reach hosts, as plain data: the main thread resolves it once from the options and the environment and hands the
 * same value to every worker thread. Hosts are `name` or `name:port`, lower-case.
 */
export interface TransportOptions {
  /** Sockets per origin and thread. */
  readonly connectionsPerHost: number
  readonly connectTimeoutMs: number
  /** From the request's last byte to the response's headers. */
  readonly headersTimeoutMs: number
  /** Longest silence in the middle of a body. */
  readonly bodyTimeoutMs: number
  /** A body slower than `minBytesPerSecond` on average over this window is given up: a silence limit never sees a trickle. */
  readonly progressWindowMs: number
  readonly minBytesPerSecond: number
  /** PEM certificates trusted besides Node's own. */
  readonly ca: readonly string[]
  /** PEM certificate and key shown to registries and mirrors, never to a host that one of them redirected us to. */
  readonly clientCertificate?: { readonly cert: string; readonly key: string }
  /** Hosts whose certificate is not checked; `*` for every host. */
  readonly insecureHosts: readonly string[]
  /** Hosts spoken to without TLS; `*` for every host. Literal loopback addresses and `localhost` need no entry. */
  readonly plainHttpHosts: readonly string[]
  readonly proxy: { readonly http?: string; readonly https?: string; readonly none?: string }
}
