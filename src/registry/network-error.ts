import { type ErrorCode, HearthError, isHearthError } from '../errors.js'
import { serverText } from './server-text.js'
import type { Where } from './where.js'

/** What undici, Node's sockets, resolver and TLS call their failures, and what we call them. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  UND_ERR_CONNECT_TIMEOUT: 'TIMEOUT',
  UND_ERR_HEADERS_TIMEOUT: 'TIMEOUT',
  UND_ERR_BODY_TIMEOUT: 'TIMEOUT',
  ETIMEDOUT: 'TIMEOUT',
  ECONNREFUSED: 'CONNECTION_FAILED',
  EHOSTUNREACH: 'CONNECTION_FAILED',
  ENETUNREACH: 'CONNECTION_FAILED',
  ENETDOWN: 'CONNECTION_FAILED',
  EADDRNOTAVAIL: 'CONNECTION_FAILED',
  EAI_AGAIN: 'CONNECTION_FAILED',
  EAI_FAIL: 'CONNECTION_FAILED',
  ETIMEOUT: 'CONNECTION_FAILED',
  ESERVFAIL: 'CONNECTION_FAILED',
  EMFILE: 'CONNECTION_FAILED',
  ENFILE: 'CONNECTION_FAILED',
  ENOTFOUND: 'HOST_UNKNOWN',
  ECONNRESET: 'CONNECTION_LOST',
  ECONNABORTED: 'CONNECTION_LOST',
  EPIPE: 'CONNECTION_LOST',
  UND_ERR_SOCKET: 'CONNECTION_LOST',
  UND_ERR_HEADERS_OVERFLOW: 'PROTOCOL_ERROR',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'PROTOCOL_ERROR',
  UND_ERR_RES_EXCEEDED_MAX_SIZE: 'PROTOCOL_ERROR',
  UND_ERR_RESPONSE: 'PROTOCOL_ERROR',
  UND_ERR_CLOSED: 'ABORTED',
  UND_ERR_DESTROYED: 'ABORTED',
  EPROTO: 'TLS_FAILED',
  HOSTNAME_MISMATCH: 'TLS_FAILED',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'TLS_FAILED',
  SELF_SIGNED_CERT_IN_CHAIN: 'TLS_FAILED',
  INVALID_CA: 'TLS_FAILED',
  INVALID_PURPOSE: 'TLS_FAILED',
  PATH_LENGTH_EXCEEDED: 'TLS_FAILED',
}
const FAMILIES: readonly (readonly [RegExp, ErrorCode])[] = [
  [/^HPE_/, 'PROTOCOL_ERROR'],
  [/^(CERT_|CRL_|UNABLE_TO_|ERR_TLS_|ERR_SSL_|ERR_OSSL_)/, 'TLS_FAILED'],
]
/** What a system call on a connection may say besides: EPERM from a firewall, ENOBUFS, EIO. */
const CALLS: Readonly<Record<string, ErrorCode>> = {
  connect: 'CONNECTION_FAILED',
  getaddrinfo: 'CONNECTION_FAILED',
  read: 'CONNECTION_LOST',
  write: 'CONNECTION_LOST',
  writev: 'CONNECTION_LOST',
  shutdown: 'CONNECTION_LOST',
}

/**
 * Any failure of a request before or in the middle of its response, as ours. The cause is a copy of names, codes and
 * messages: the original may hold response bytes or options, and with them a secret.
 * @param signal the caller's own: when it was aborted, that is the reason, whatever the failure looks like.
 */
export function networkError(error: unknown, where: Where, signal?: AbortSignal): HearthError {
  const chain = chainOf(error)
  const ours = chain.find((link) => isHearthError(link))
  if (isHearthError(ours)) return new HearthError(ours.code, ours.message, { ...where, ...ours.details }, ours.cause)
  if (isProxyLogin(error)) {
    const message = `${where.host}: the proxy on the way to it wants another user and password (407)`
    return new HearthError('CONNECTION_FAILED', message, { ...where, reason: '407' }, harmless(error))
  }
  const abortLike = error instanceof Error && error.name === 'AbortError'
  const aborted = signal?.aborted === true || abortLike
  const named = aborted ? undefined : chain.find((link) => translate(link) !== undefined)
  const native = codeOf(named)
  const code = aborted ? 'ABORTED' : (translate(named) ?? (isParserError(error) ? 'PROTOCOL_ERROR' : 'INTERNAL'))
  const message = `${where.host}: ${where.step} ${aborted ? 'was aborted' : `failed${hintFor(code, native)}`}`
  const details = { ...where, ...(native !== undefined && { reason: native }) }
  return new HearthError(code, message, details, harmless(error))
}

/**
 * What went wrong between us and a proxy: the registry, which {@link networkError} blames for all else, was not reached.
 * @param proxy its host and port, and nothing else of its URL.
 */
export function proxyError(error: unknown, proxy: string): unknown {
  const named = chainOf(error).find((link) => translate(link) !== undefined)
  const [code, reason] = [translate(named), codeOf(named)]
  if (code === undefined || reason === undefined || code === 'ABORTED') return error
  const hint = hintFor(code, reason, 'if it is a plain one, begin its URL with http://')
  return new HearthError(code, `the proxy ${proxy} cannot be reached${hint}`, { proxy, reason }, harmless(error))
}

/** As {@link proxyError}, for a proxy's answer to CONNECT other than 200: undici makes one of its AbortErrors of it. */
export function proxyRefusal(error: unknown, proxy: string): unknown {
  if (codeOf(error) !== 'UND_ERR_ABORTED') return error
  const [, reason = 'refused'] = /\((\d{3})\)/.exec((error as Error).message) ?? []
  const message = `the proxy ${proxy} does not connect to it (${reason})`
  return new HearthError('CONNECTION_FAILED', message, { proxy, reason }, harmless(error))
}

function translate(error: unknown): ErrorCode | undefined {
  const native = codeOf(error)
  if (native === undefined) return undefined
  if (Object.hasOwn(CODES, native)) return CODES[native]
  const { syscall = '' } = error as { syscall?: string }
  return (
    FAMILIES.find(([pattern]) => pattern.test(native))?.[1] ??
    (Object.hasOwn(CALLS, syscall) ? CALLS[syscall] : undefined)
  )
}

/** What undici makes of a 407 to a request without a tunnel: a mistake of its caller, in one of many arguments. */
function isProxyLogin(error: unknown): boolean {
  return codeOf(error) === 'UND_ERR_INVALID_ARG' && (error as Error).message.startsWith('Proxy Authentication Required')
}

/** What is not HTTP at all: undici 7 gives such an error no code. */
function isParserError(error: unknown): boolean {
  return error instanceof Error && error.name === 'HTTPParserError'
}

function hintFor(
  code: ErrorCode,
  native: string | undefined,
  plain = 'if it is meant to be plain HTTP, say so with --plain-http',
): string {
  const reason = native === undefined ? '' : ` (${native})`
  if (native === 'ERR_SSL_WRONG_VERSION_NUMBER' || native === 'ERR_SSL_PACKET_LENGTH_TOO_LONG' || native === 'EPROTO') {
    return `${reason}: the server may not speak TLS; ${plain}`
  }
  if (code === 'TLS_FAILED')
    return `${reason}: if the server has a certificate authority of its own, name it with --ca-file`
  return reason
}

/** The error, its causes and the members of an AggregateError (one per address that was tried), outermost first. */
function chainOf(error: unknown): unknown[] {
  const chain: unknown[] = [error]
  for (let at = 0; at < chain.length && chain.length < 16; at++) {
    const { cause, errors } = (chain[at] ?? {}) as { cause?: unknown; errors?: unknown }
    if (cause !== undefined) chain.push(cause)
    if (Array.isArray(errors)) chain.push(...errors.slice(0, 8))
  }
  return chain
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const { code, name } = error as { code?: unknown; name?: unknown }
  if (typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,63}$/.test(code)) return code
  // undici loses llhttp's code on its way out of some callbacks.
  return name === 'HTTPParserError' ? 'HPE_UNKNOWN' : undefined
}

function harmless(error: unknown, depth = 0): Error | undefined {
  if (!(error instanceof Error)) return undefined
  const cause = depth < 4 ? harmless(error.cause, depth + 1) : undefined
  const copy = new Error(serverText(error.message), cause === undefined ? undefined : { cause })
  const code = codeOf(error)
  // The copy's own stack would show this file; the original's repeats the message that was just cleaned.
  copy.stack = `${error.name}${code === undefined ? '' : ` [${code}]`}: ${copy.message}`
  return code === undefined ? copy : Object.assign(copy, { code })
}
