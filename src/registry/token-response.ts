import { HearthError } from '../errors.js'
import type { Where } from './where.js'

export interface BearerToken {
  readonly token: string
  /** Milliseconds for which it can be used, counted from its arrival: neither clock needs to be right. */
  readonly ttlMs: number
}

/** Distribution's default, for servers that do not say. */
const DEFAULT_SECONDS = 60
const DAY_SECONDS = 86_400

/**
 * Reads a token server's answer. `issued_at` is left alone: it would make the token depend on two clocks.
 * Spec: distribution docs "Token Authentication Specification".
 * @throws HearthError PROTOCOL_ERROR when there is no token in it that a header can hold.
 */
export function parseTokenResponse(body: Uint8Array, where: Where): BearerToken {
  const { token, access_token, expires_in } = parseObject(body, where)
  const value = [token, access_token].find((candidate) => typeof candidate === 'string' && candidate !== '')
  // It goes into a header: nothing may end the line, and nothing longer than a registry would accept.
  if (typeof value !== 'string' || !/^[\x21-\x7e]{1,16384}$/.test(value)) throw unusable(where)
  const valid = typeof expires_in === 'number' && expires_in > 0
  const seconds = Math.min(valid ? expires_in : DEFAULT_SECONDS, DAY_SECONDS)
  // A request that starts with the last second of a token arrives without one.
  return { token: value, ttlMs: (seconds - Math.min(10, seconds / 4)) * 1000 }
}

function parseObject(body: Uint8Array, where: Where): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch (error) {
    // The parser's message quotes the body, and with it perhaps a token: not kept as the cause.
    if (error instanceof SyntaxError) throw unusable(where)
    throw error
  }
}

function unusable(where: Where): HearthError {
  return new HearthError('PROTOCOL_ERROR', `${where.host} answered without a usable token`, { ...where })
}
