import type { ServerOptions } from 'node:https'
import type { Digest } from '../../src/oci/digest.js'
import { digestBytes } from '../../src/oci/hasher.js'
import { OCI_MANIFEST } from '../../src/oci/media-type.js'
import type { Reference } from '../../src/oci/reference.js'
import { type Heard, type Reply, startServer, type TestServer } from './support-server.js'

export interface StoredManifest {
  readonly bytes: Uint8Array
  readonly mediaType: string
  readonly digest: Digest
}

/** A manifest of so many bytes, true JSON. */
export async function aManifest(bytes = 100, mediaType = OCI_MANIFEST): Promise<StoredManifest> {
  const frame = JSON.stringify({ schemaVersion: 2, mediaType, layers: [], padding: '' })
  const text = frame.replace('"padding":""', `"padding":"${'x'.repeat(Math.max(0, bytes - frame.length))}"`)
  const content = new TextEncoder().encode(text)
  return { bytes: content, mediaType, digest: await digestBytes(content) }
}

export interface TestRegistry extends TestServer {
  reference(repository: string, name?: { tag?: string; digest?: Digest }): Reference
}

export interface TestRegistryOptions {
  /** What stands under any name in any repository. */
  readonly manifest: StoredManifest
  /** Called first; what it returns is the answer. */
  readonly guard?: (request: Heard) => Reply | undefined
  readonly tls?: ServerOptions
}

/** A registry that has one manifest under every name, as long as its guard lets the request pass. */
export async function startRegistry({ manifest, guard, tls }: TestRegistryOptions): Promise<TestRegistry> {
  const headers = { 'content-type': manifest.mediaType, 'docker-content-digest': manifest.digest }
  const server = await startServer((request) => guard?.(request) ?? { headers, body: manifest.bytes }, tls)
  const reference = (repository: string, name: { tag?: string; digest?: Digest } = { tag: 'latest' }) => ({
    registry: server.host,
    repository,
    ...name,
  })
  return { ...server, reference }
}

export interface TokenDeskOptions {
  /** User to password; without it everybody gets a token. */
  readonly users?: Readonly<Record<string, string>>
  /** Refresh tokens that are accepted. */
  readonly refreshTokens?: readonly string[]
  /** What stands in the answer besides the token. */
  readonly extra?: Record<string, unknown>
  readonly tokenField?: 'token' | 'access_token'
}

/** Gives out tokens, each for one scope, and checks them. */
export class TokenDesk {
  readonly asked: Heard[] = []
  /** Scope of each valid token. */
  readonly valid = new Map<string, string>()

  constructor(private readonly options: TokenDeskOptions = {}) {}

  /** The token endpoint. */
  readonly handle = (request: Heard): Reply => {
    this.asked.push(request)
    const form = request.method === 'POST'
    const asked = form ? new URLSearchParams(request.body) : new URL(request.path, 'http://x').searchParams
    if (!(form ? this.#knowsRefreshToken(asked) : this.#knowsUser(request.headers.authorization)))
      return { status: 401 }
    const token = `token-${this.asked.length}`
    this.valid.set(token, asked.get('scope') ?? '')
    return { body: JSON.stringify({ [this.options.tokenField ?? 'token']: token, ...this.options.extra }) }
  }

  /** For a registry: refuses what brings no valid token for the repository it asks for. */
  readonly guard =
    (realm: () => string) =>
    (request: Heard): Reply | undefined => {
      const repository = /^\/v2\/(.+)\/(manifests|blobs)\//.exec(request.path)?.[1]
      if (repository === undefined) return undefined
      const scope = `repository:${repository}:pull`
      const token = /^Bearer (.*)$/.exec(request.headers.authorization ?? '')?.[1] ?? ''
      if (this.valid.get(token) === scope) return undefined
      const challenge = `Bearer realm="${realm()}",service="test registry",scope="${scope}"`
      return { status: 401, headers: { 'www-authenticate': challenge } }
    }

  #knowsUser(authorization: string | undefined): boolean {
    const { users } = this.options
    if (users === undefined) return true
    const [user = '', password] = Buffer.from(authorization?.replace(/^Basic /, '') ?? '', 'base64')
      .toString()
      .split(':')
    return password !== undefined && users[user] === password
  }

  #knowsRefreshToken(form: URLSearchParams): boolean {
    const { refreshTokens = [] } = this.options
    return form.get('grant_type') === 'refresh_token' && refreshTokens.includes(form.get('refresh_token') ?? '')
  }
}
