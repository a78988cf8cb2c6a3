import type { TransportOptions } from '../../src/transport.js'

/** How to reach servers on the loopback address, with limits short enough for tests to see them pass. */
export function aTransport(changes: Partial<TransportOptions> = {}): TransportOptions {
  return {
    connectionsPerHost: 4,
    connectTimeoutMs: 2000,
    headersTimeoutMs: 2000,
    bodyTimeoutMs: 2000,
    progressWindowMs: 2000,
    minBytesPerSecond: 1,
    ca: [],
    insecureHosts: [],
    plainHttpHosts: [],
    proxy: {},
    ...changes,
  }
}
