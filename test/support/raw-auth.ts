import { type Answer, errorAnswer, jsonAnswer } from './raw-answer.js'
import type { RawRequest } from './raw-http.js'
import type { Route } from './raw-routes.js'

interface BasicAuth {
  readonly kind: 'basic'
  readonly username: string
  readonly password: string
}

/** Docker's token authentication, with its token endpoint `/token` on the same server. */
export interface BearerAuth {
  readonly kind: 'bearer'
  /** Without credentials anybody gets a token. */
  readonly username?: string
  readonly password?: string
  /** Accepted by the OAuth2 form of the endpoint (POST); without it a POST is answered with 404, as by registries that have none. */
  readonly refreshToken?: string
  /** Sent as `expires_in`. Nothing expires by the clock: see `uses` and {@link RawAuth.revoke}. */
  readonly expiresInSeconds?: number
  /** Requests that a token serves before it counts as expired. Default: any number. */
  readonly uses?: number
  /** Where tokens are to be had, as the challenge says. Default: `/token` of this server. */
  readonly realm?: string
  /** What tokens begin with. Default `test-token-`. */
  readonly prefix?: string
  /** Names of the token in the response. Default: both. */
  readonly fields?: readonly ('token' | 'access_token')[]
}

export type AuthOptions = BasicAuth | BearerAuth

interface IssuedToken {
  readonly scopes: readonly string[]
  uses: number
}

const SERVICE = 'hearth-test'

/** Who may read what. Tokens serve exactly the repositories they were asked for. */
export class RawAuth {
  readonly #options: AuthOptions
  readonly #realm: string
  readonly #tokens = new Map<string, IssuedToken>()
  #issued = 0

  constructor(options: AuthOptions, realm: string) {
    this.#options = options
    this.#realm = (options.kind === 'bearer' && options.realm) || realm
  }

  /** Tokens given out so far. */
  get issued(): number {
    return this.#issued
  }

  /** Every token given out so far is refused from now on. */
  revoke(): void {
    this.#tokens.clear()
  }

  /** The 401 for a request that may not pass; undefined for one that may. */
  refusal(request: RawRequest, route: Route): Answer | undefined {
    const { authorization } = request.headers
    if (this.#options.kind === 'basic') {
      return authorization === basicHeader(this.#options) ? undefined : unauthorized('Basic realm="hearth test"')
    }
    const writes = !['GET', 'HEAD'].includes(request.method)
    const name = route.repository && `repository:${route.repository}`
    const scope = name && `${name}:${writes ? 'pull,push' : 'pull'}`
    const token = this.#tokens.get(authorization?.replace(/^Bearer /, '') ?? '')
    if (token === undefined || token.uses === 0) return this.#challenge(scope, authorization && 'invalid_token')
    const enough = token.scopes.some((one) => one === scope || one === `${name}:pull,push`)
    if (scope !== undefined && !enough) return this.#challenge(scope, 'insufficient_scope')
    token.uses -= 1
    return undefined
  }

  /** The token endpoint. Spec: distribution's "Token Authentication Specification" and its OAuth2 sibling. */
  token(request: RawRequest): Answer {
    const auth = this.#options
    if (auth.kind !== 'bearer') return errorAnswer(404, 'UNSUPPORTED')
    if (request.method === 'POST') return this.#oauth2(new URLSearchParams(request.body), auth)
    if (auth.username !== undefined && request.headers.authorization !== basicHeader(auth)) {
      return unauthorized('Basic realm="hearth test tokens"')
    }
    return this.#issue(request.query.getAll('scope'), auth)
  }

  #oauth2(form: URLSearchParams, auth: BearerAuth): Answer {
    if (auth.refreshToken === undefined) return errorAnswer(404, 'UNSUPPORTED')
    const good =
      form.get('grant_type') === 'refresh_token'
        ? form.get('refresh_token') === auth.refreshToken
        : form.get('username') === auth.username && form.get('password') === auth.password
    if (!good) return errorAnswer(401, 'UNAUTHORIZED')
    return this.#issue((form.get('scope') ?? '').split(' '), auth)
  }

  #issue(
    scopes: readonly string[],
    { uses, expiresInSeconds, prefix = 'test-token-', fields = ['token', 'access_token'] }: BearerAuth,
  ): Answer {
    this.#issued += 1
    const token = `${prefix}${this.#issued}`
    this.#tokens.set(token, { scopes, uses: uses ?? Number.POSITIVE_INFINITY })
    return jsonAnswer(200, {
      ...Object.fromEntries(fields.map((field) => [field, token])),
      ...(expiresInSeconds !== undefined && { expires_in: expiresInSeconds }),
    })
  }

  #challenge(scope: string | undefined, error: string | undefined): Answer {
    const parameters = { realm: this.#realm, service: SERVICE, ...(scope && { scope }), ...(error && { error }) }
    const quoted = Object.entries(parameters).map(([name, value]) => `${name}="${value}"`)
    return unauthorized(`Bearer ${quoted.join(',')}`)
  }
}

function basicHeader({
  username = '',
  password = '',
}: {
  readonly username?: string
  readonly password?: string
}): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

function unauthorized(challenge: string): Answer {
  return errorAnswer(401, 'UNAUTHORIZED', { 'WWW-Authenticate': challenge })
}
