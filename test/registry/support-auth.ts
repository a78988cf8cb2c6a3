import type { Credential, Credentials } from '../../src/registry/credentials.js'
import { HttpRegistry } from '../../src/registry/http-registry.js'
import { MemoryCredentials } from '../../src/registry/memory-credentials.js'
import { parseMirrors } from '../../src/registry/mirrors.js'
import type { TransportOptions } from '../../src/transport.js'
import { aManifest, startRegistry, type TestRegistry, TokenDesk, type TokenDeskOptions } from './support-registry.js'
import { startServer, type TestServer } from './support-server.js'
import { aTransport } from './support-wire.js'

export const ME = { kind: 'basic', username: 'me', password: 'canary-pass' } as const satisfies Credential
export const USERS = { me: 'canary-pass' }

interface Site {
  readonly registry: TestRegistry
  readonly tokens: TestServer
  readonly desk: TokenDesk
}

/** A registry and its token server on another port. */
export async function aSite(options: TokenDeskOptions = {}, realm?: (tokens: TestServer) => string): Promise<Site> {
  const desk = new TokenDesk(options)
  const tokens = await startServer(desk.handle)
  const guard = desk.guard(() => realm?.(tokens) ?? `${tokens.url}/token`)
  return { registry: await startRegistry({ manifest: await aManifest(), guard }), tokens, desk }
}

export function aClient(
  known: Credentials | Record<string, Credential> = {},
  clock = { now: 0 },
  transport: Partial<TransportOptions> = {},
  mirrors: readonly string[] = [],
) {
  const credentials =
    'find' in known ? (known as Credentials) : new MemoryCredentials(known as Record<string, Credential>)
  return new HttpRegistry({
    transport: aTransport(transport),
    credentials,
    mirrors: parseMirrors(mirrors, { plainHttpHosts: [] }),
    monotonic: () => clock.now,
  })
}

export const authorizations = ({ heard }: TestServer): (string | undefined)[] =>
  heard.map(({ headers }) => headers.authorization)
