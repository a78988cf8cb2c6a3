import { HearthError } from '../errors.js'
import { type Access, challengedScope, scopeFor } from './access.js'
import { type Challenge, parseChallenges } from './challenge.js'
import type { Credential, Credentials } from './credentials.js'
import { repositoryAt } from './endpoint-url.js'
import { ExpiringCache } from './expiring-cache.js'
import { basicHeader, fetchToken, type TokenContext } from './http-token.js'
import type { Endpoint } from './mirrors.js'
import { checkRealm, type Realm } from './token-realm.js'
import type { Step } from './where.js'

export interface HttpAuthOptions extends Omit<TokenContext, 'signal'> {
  readonly credentials: Credentials
  /** Milliseconds of a clock that never jumps: tokens age by it. */
  readonly monotonic: () => number
}

/** What an Authorization is for: one repository on one server. */
export interface Target {
  readonly endpoint: Endpoint
  readonly repository: string
  readonly step: Step
  /** Default: to read. */
  readonly access?: Access
}

/** How an origin wants to be spoken to. Learned from its first 401. */
type Scheme =
  | { readonly kind: 'basic' }
  | { readonly kind: 'bearer'; readonly realm: Realm; readonly service: string | undefined }

interface SchemeOffer {
  readonly scheme: Scheme
  readonly scope?: string
}

/**
 * Finds the Authorization for each repository. Credentials go to the origin they belong to or to its checked realm; tokens
 * are kept for (origin, realm, service, scope, user) and never used beyond that.
 */
export class HttpAuth {
  readonly #schemes = new Map<string, Scheme>()
  /** Scopes that an origin asked for by another name than ours, by origin and repository. */
  readonly #scopes = new Map<string, string>()
  readonly #tokens: ExpiringCache<string>

  constructor(private readonly options: HttpAuthOptions) {
    this.#tokens = new ExpiringCache(options.monotonic)
  }

  /**
   * What to send before being asked; undefined for an origin that has not asked for anything yet. Saves one round trip for
   * each further repository of a registry.
   */
  async offer(target: Target, signal?: AbortSignal): Promise<string | undefined> {
    const scheme = this.#schemes.get(target.endpoint.origin)
    if (scheme === undefined) return undefined
    return this.#authorize(target, { scheme, credential: await this.#find(target, signal), refused: undefined, signal })
  }

  /**
   * What to send after a 401.
   * @param refused the Authorization that was sent with the request, if any.
   * @throws HearthError UNAUTHORIZED when there is nothing better; REDIRECT_REFUSED for a realm that is refused.
   */
  async answer(
    target: Target,
    { challenge, refused, signal }: { challenge: string | readonly string[]; refused?: string; signal?: AbortSignal },
  ): Promise<string> {
    const { origin } = target.endpoint
    const { scheme, scope } = this.#choose(target, parseChallenges(challenge))
    this.#schemes.set(origin, scheme)
    if (scope !== undefined) this.#scopes.set(scopeKey(target), scope)
    const credential = await this.#find(target, signal)
    const authorization = await this.#authorize(target, { scheme, credential, refused, signal })
    if (authorization === undefined) throw unusable(target, credential)
    if (authorization !== refused) return authorization
    throw new HearthError('UNAUTHORIZED', `${target.endpoint.host} refuses the credentials`, whereOf(target))
  }

  async #find({ endpoint, repository }: Target, signal: AbortSignal | undefined): Promise<Credential | undefined> {
    const account = { registry: endpoint.registry, repository: repositoryAt(endpoint, repository) }
    return this.options.credentials.find(account, signal === undefined ? {} : { signal })
  }

  #choose(target: Target, challenges: readonly Challenge[]): SchemeOffer {
    const bearer = challenges.find(({ scheme, params }) => scheme === 'bearer' && params.has('realm'))
    if (bearer !== undefined) {
      const realm = this.#checkRealm(target, bearer.params.get('realm') ?? '')
      const scope = challengedScope(bearer.params.get('scope'), target.access ?? 'pull')
      const scheme = { kind: 'bearer', realm, service: bearer.params.get('service') } as const
      return { scheme, ...(scope !== undefined && { scope }) }
    }
    if (challenges.some(({ scheme }) => scheme === 'basic')) return { scheme: { kind: 'basic' } }
    throw new HearthError('UNAUTHORIZED', `${target.endpoint.host} offers no way to authenticate`, whereOf(target))
  }

  #checkRealm({ endpoint }: Target, url: string): Realm {
    const { plainHttpHosts } = this.options.transport.options
    return checkRealm(url, { registry: new URL(endpoint.origin), plainHttpHosts })
  }

  async #authorize(target: Target, asked: Question<Scheme>): Promise<string | undefined> {
    const { scheme, credential, ...rest } = asked
    if (credential?.kind === 'bearer') return `Bearer ${credential.token}`
    if (scheme.kind === 'bearer') return this.#bearer(target, { scheme, credential, ...rest })
    return credential?.kind === 'basic' ? basicHeader(credential) : undefined
  }

  async #bearer(target: Target, asked: Question<Scheme & { readonly kind: 'bearer' }>): Promise<string> {
    const { scheme, credential, refused, signal } = asked
    const { origin } = target.endpoint
    const scope = this.#scopes.get(scopeKey(target)) ?? scopeOf(target)
    const user =
      credential === undefined ? '' : credential.kind === 'basic' ? `basic ${credential.username}` : 'identity'
    const key = JSON.stringify([origin, scheme.realm.url.href, scheme.service, scope, user])
    if (refused !== undefined) this.#tokens.drop(key, refused)
    const question = {
      ...scheme,
      scope,
      credential,
      registry: new URL(origin),
      checkRealm: (url: string) => this.#checkRealm(target, url),
    }
    const load = async (loadSignal: AbortSignal) => {
      const { transport, now } = this.options
      const { token, ttlMs } = await fetchToken(question, { transport, now, signal: loadSignal })
      return { value: `Bearer ${token}`, ttlMs }
    }
    return this.#tokens.get(key, load, signal)
  }
}

interface Question<S extends Scheme> {
  readonly scheme: S
  readonly credential: Credential | undefined
  readonly refused: string | undefined
  readonly signal: AbortSignal | undefined
}

function scopeOf({ endpoint, repository, access = 'pull' }: Target): string {
  return scopeFor(repositoryAt(endpoint, repository), access)
}

function scopeKey(target: Target): string {
  return `${target.endpoint.origin} ${scopeOf(target)}`
}

/** Nothing that Basic can show: no credential, or one that only a token server takes. */
function unusable(target: Target, credential: Credential | undefined): HearthError {
  const { host } = target.endpoint
  if (credential === undefined)
    return new HearthError('UNAUTHORIZED', `${host} asks for credentials, and there are none`, whereOf(target))
  const message = `${host} asks for a user and a password (Basic), and there is only an identity token: log in with them`
  return new HearthError('UNAUTHORIZED', message, { ...whereOf(target), reason: 'IDENTITY_TOKEN' })
}

function whereOf({ endpoint, step }: Target): { readonly host: string; readonly step: Step } {
  return { host: endpoint.host, step }
}
