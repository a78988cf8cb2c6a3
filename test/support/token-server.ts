import { createSign, randomUUID, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { LOOPBACK_CERTIFICATE, LOOPBACK_KEY } from './loopback-certificate.js'

export interface TokenServer {
  /** What stands as `realm` in the registry's challenge. */
  readonly realm: string
  readonly issuer: string
  readonly service: string
  /** Tokens given out so far. */
  issued(): number
  close(): Promise<void>
}

export interface TokenServerOptions {
  readonly username: string
  readonly password: string
  readonly expiresInSeconds?: number
}

const ISSUER = 'hearth-test-issuer'
const SERVICE = 'hearth-test-registry'

/**
 * Signs tokens that docker-registry accepts, for the one user who may push and pull, and for everybody to pull.
 * Spec: distribution's "Token Authentication Specification" and "Token Authentication Implementation".
 */
export async function startTokenServer(options: TokenServerOptions): Promise<TokenServer> {
  let issued = 0
  const server = createServer((request, response) => {
    issued += serveToken(request, response, options)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    realm: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
    issuer: ISSUER,
    service: SERVICE,
    issued: () => issued,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Answers the request; the number of tokens that it gave out. */
function serveToken(request: IncomingMessage, response: ServerResponse, options: TokenServerOptions): 0 | 1 {
  // Docker's own clients try the OAuth2 form first and fall back on 404.
  if (request.method !== 'GET') {
    response.writeHead(404).end()
    return 0
  }
  const known = request.headers.authorization === basic(options)
  if (request.headers.authorization !== undefined && !known) {
    response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="hearth test tokens"' }).end()
    return 0
  }
  const scopes = new URL(request.url ?? '/', 'http://localhost').searchParams.getAll('scope')
  const expiresIn = options.expiresInSeconds ?? 300
  const claims = { sub: known ? options.username : '', access: accessOf(scopes, known), expiresIn }
  response.writeHead(200, { 'Content-Type': 'application/json' })
  response.end(JSON.stringify({ token: sign(claims), expires_in: expiresIn }))
  return 1
}

interface Access {
  readonly type: string
  readonly name: string
  readonly actions: readonly string[]
}

/** `repository:library/app:pull,push`, cut down to what this client may do. */
function accessOf(scopes: readonly string[], known: boolean): Access[] {
  return scopes
    .flatMap((scope) => scope.split(' '))
    .map((scope) => {
      const [type = '', name = '', actions = ''] = scope.split(':')
      return { type, name, actions: actions.split(',').filter((action) => known || action === 'pull') }
    })
}

interface Claims {
  readonly sub: string
  readonly access: readonly Access[]
  readonly expiresIn: number
}

/** A JSON Web Token whose header carries its certificate, which the registry's rootcertbundle vouches for. */
function sign({ sub, access, expiresIn }: Claims): string {
  const now = Math.floor(Date.now() / 1000)
  const certificate = new X509Certificate(LOOPBACK_CERTIFICATE).raw.toString('base64')
  const header = { typ: 'JWT', alg: 'RS256', x5c: [certificate] }
  const times = { iat: now, nbf: now - 60, exp: now + expiresIn }
  const payload = { iss: ISSUER, aud: SERVICE, sub, jti: randomUUID(), ...times, access }
  const signed = [header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${signed}.${createSign('RSA-SHA256').update(signed).sign(LOOPBACK_KEY, 'base64url')}`
}

function basic({ username, password }: TokenServerOptions): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}
