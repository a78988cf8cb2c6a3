import assert from 'node:assert/strict'
import type { Credential } from '../../src/registry/credentials.js'
import { MemoryCredentials } from '../../src/registry/memory-credentials.js'
import { startProxy } from './a-proxy.js'
import { LOOPBACK_CERTIFICATE, LOOPBACK_KEY } from './loopback-certificate.js'
import type { AuthOptions } from './raw-auth.js'
import { type RawRegistry, startRawRegistry } from './raw-registry.js'
import { type PullParts, withPull } from './with-pull.js'

const TLS = { cert: LOOPBACK_CERTIFICATE, key: LOOPBACK_KEY }
export const CANARY_USER = 'canary-user'
export const CANARY_PASSWORD = 'canary-password'
const BASIC: Credential = { kind: 'basic', username: CANARY_USER, password: CANARY_PASSWORD }
const ENCODED = Buffer.from(`${CANARY_USER}:${CANARY_PASSWORD}`).toString('base64')

export interface Site extends PullParts {
  /** The registry of one's own, known as registry.example and as auth.registry.example. */
  readonly registry: RawRegistry
  /** A server of somebody else, over TLS: evil.example, registry.example.evil.example, registry.example:8443. */
  readonly evil: RawRegistry
  /** A server without TLS: plain.example, registry.example:80. */
  readonly plain: RawRegistry
}

export interface SiteOptions {
  readonly auth: AuthOptions
  /** For registry.example. Default: the canary user with the canary password. */
  readonly credential?: Credential
}

/**
 * A registry that is known as registry.example, over TLS and by way of a proxy, so that names behave as they do in the
 * world: on the loopback address alone, all servers would belong to one another.
 */
export async function withSite(
  { auth, credential = BASIC }: SiteOptions,
  use: (site: Site) => Promise<void>,
): Promise<void> {
  const home = await startRawRegistry({ tls: TLS, auth })
  const evil = await startRawRegistry({ tls: TLS })
  const plain = await startRawRegistry()
  const proxy = await startProxy({
    'registry.example': home.port,
    'auth.registry.example': home.port,
    'registry.example:8443': evil.port,
    'evil.example': evil.port,
    'registry.example.evil.example': evil.port,
    'plain.example': plain.port,
    'registry.example:80': plain.port,
  })
  const url = `http://${proxy.host}`
  const options = {
    credentials: new MemoryCredentials({ 'registry.example': credential }),
    transport: { proxy: { https: url, http: url }, insecureHosts: ['*'] },
    retry: { retries: 1 },
  }
  try {
    await withPull(options, (parts) => use({ ...parts, registry: home, evil, plain }))
  } finally {
    for (const server of [home, evil, plain, proxy]) await server.close()
  }
}

/** Nothing that is ours reached this server. */
export function gotNoSecret({ requests }: RawRegistry): void {
  for (const { headers, query, body, path } of requests) {
    const seen = JSON.stringify([headers, [...query], body, path])
    for (const secret of ['canary', ENCODED]) assert.ok(!seen.includes(secret), seen)
    for (const name of ['authorization', 'cookie', 'proxy-authorization']) assert.ok(!(name in headers), seen)
  }
}
