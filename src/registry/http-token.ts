import { HearthError } from '../errors.js'
import type { Credential } from './credentials.js'
import { demandOk, exchange } from './http-client.js'
import type { Transport } from './http-dispatcher.js'
import type { Realm } from './token-realm.js'
import { type BearerToken, parseTokenResponse } from './token-response.js'

export interface TokenQuestion {
  readonly realm: Realm
  readonly service: string | undefined
  /** One, or several with spaces between them. */
  readonly scope: string
  readonly credential: Credential | undefined
  /** The registry the token is for. */
  readonly registry: URL
  /** Judges where the token server redirects to. */
  readonly checkRealm: (url: string) => Realm
}

export interface TokenContext {
  readonly transport: Transport
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly signal?: AbortSignal
}

const MAX_TOKEN_BYTES = 1024 * 1024
const CLIENT_ID = 'hearth'

/**
 * Gets a Bearer token: with an identity token by OAuth2, with a password or anonymously by GET.
 * @throws HearthError UNAUTHORIZED when the credential is refused; REDIRECT_REFUSED when there is one, but the realm is no
 * place to show it to; PROTOCOL_ERROR for an answer without a token.
 */
export async function fetchToken(question: TokenQuestion, context: TokenContext): Promise<BearerToken> {
  const { realm, credential, registry } = question
  if (credential !== undefined && !realm.trusted) throw stranger(registry, realm)
  const where = { host: realm.url.host, step: 'token' } as const
  const answer = await exchange(
    {
      ...(credential?.kind === 'identity' ? byRefreshToken(question, credential.token) : byGet(question, credential)),
      where,
      maxBytes: MAX_TOKEN_BYTES,
      tooLarge: 'PROTOCOL_ERROR',
      foreign: realm.url.origin !== registry.origin,
      checkHop: (url) => void question.checkRealm(url.href),
      ...(context.signal !== undefined && { signal: context.signal }),
    },
    context.transport,
  )
  return parseTokenResponse(demandOk(answer, where, context.now()).body, where)
}

/** Spec: distribution docs "Token Authentication Specification". */
function byGet({ realm, service, scope }: TokenQuestion, credential: Credential | undefined) {
  const url = new URL(realm.url)
  if (service !== undefined) url.searchParams.set('service', service)
  for (const one of scope.split(' ')) url.searchParams.append('scope', one)
  const headers = credential?.kind === 'basic' ? { authorization: basicHeader(credential) } : {}
  return { method: 'GET', url, headers } as const
}

/** Spec: distribution docs "OAuth2 Token Authentication"; RFC 6749 section 6. */
function byRefreshToken({ realm, service, scope }: TokenQuestion, refreshToken: string) {
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    client_id: CLIENT_ID,
    scope,
    refresh_token: refreshToken,
    ...(service !== undefined && { service }),
  })
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  return { method: 'POST', url: realm.url, headers, body: form.toString() } as const
}

export function basicHeader({ username, password }: Credential & { readonly kind: 'basic' }): string {
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`
}

function stranger(registry: URL, realm: Realm): HearthError {
  const details = { host: registry.host, step: 'token', realm: realm.url.host }
  const message = `${registry.host} wants its credentials shown to ${realm.url.host}, which does not belong to it`
  return new HearthError('REDIRECT_REFUSED', message, details)
}
