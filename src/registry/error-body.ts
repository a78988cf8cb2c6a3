import { type ErrorCode, HearthError } from '../errors.js'
import { allHeaders, type HeaderFields } from './header-fields.js'
import { retryAfterMs } from './retry-after.js'
import { serverText, withoutSent } from './server-text.js'
import type { Step, Where } from './where.js'

/** A response that is not what was asked for. */
export interface RefusedResponse {
  readonly status: number
  readonly headers: HeaderFields
  /** At most 64 KiB, as received. */
  readonly body?: Uint8Array
  readonly host: string
  readonly step: Step
  /** Milliseconds since 1970, for a Retry-After date. */
  readonly now: number
  /** Came from a redirect's target. Its 401 is a refusal: nobody but the registry may ask for credentials. */
  readonly foreign?: boolean
  /** The Authorization that it was asked with: never repeated, even if the server does. */
  readonly sent?: string | undefined
}

/** Enough for any real challenge; an error is no place for more. */
const MAX_CHALLENGE_CHARACTERS = 2048

const UNKNOWN: Readonly<Record<Step, ErrorCode>> = {
  resolve: 'MANIFEST_UNKNOWN',
  manifest: 'MANIFEST_UNKNOWN',
  blob: 'BLOB_UNKNOWN',
  tags: 'NAME_UNKNOWN',
  referrers: 'MANIFEST_UNKNOWN',
  token: 'PROTOCOL_ERROR',
  upload: 'BLOB_UPLOAD_UNKNOWN',
  publish: 'NAME_UNKNOWN',
}
/** What they mean to whoever sent something. An upload that is no good any more is begun again, like one that is forgotten. */
const SENT_REFUSED: ReadonlyMap<string, ErrorCode> = new Map([
  ['BLOB_UPLOAD_UNKNOWN', 'BLOB_UPLOAD_UNKNOWN'],
  ['BLOB_UPLOAD_INVALID', 'BLOB_UPLOAD_UNKNOWN'],
  ['DIGEST_INVALID', 'DIGEST_MISMATCH'],
  ['SIZE_INVALID', 'SIZE_MISMATCH'],
  ['MANIFEST_INVALID', 'MANIFEST_INVALID'],
  ['MANIFEST_BLOB_UNKNOWN', 'BLOB_UNKNOWN'],
  ['BLOB_UNKNOWN', 'BLOB_UNKNOWN'],
])
/** The distribution-spec's codes that say more than a 404 does. */
const NAMED_UNKNOWN: ReadonlySet<string> = new Set(['MANIFEST_UNKNOWN', 'BLOB_UNKNOWN', 'NAME_UNKNOWN'])

/**
 * The error that a status other than success stands for. Its details hold `host`, `step`, `status`, and where they were
 * sent `retryAfterMs`, the registry's own code (`reason`) and the `challenge` of a blob's 401, which a worker thread cannot
 * answer itself.
 * Spec: distribution-spec v1.1 "Error Codes".
 */
export function statusError(response: RefusedResponse): HearthError {
  const { status, headers, host, step, foreign = false } = response
  const { reason, message } = parseErrorBody(response)
  const pause = retryAfterMs(headers, response.now)
  const challenge = allHeaders(headers, 'www-authenticate').join(', ').slice(0, MAX_CHALLENGE_CHARACTERS)
  const refusal = status === 401 && step !== 'token'
  // Its realm may hold a query: it goes no further than it has to.
  const isAnswered = refusal && step === 'blob' && !foreign
  const code = foreign && refusal ? 'DENIED' : (refusalOf(status, step, reason) ?? codeOf(status, step, reason))
  return new HearthError(code, describe({ host, step }, status, message ?? reason), {
    host,
    step,
    status,
    ...(pause !== undefined && { retryAfterMs: pause }),
    ...(reason !== undefined && { reason }),
    ...(isAnswered && challenge !== '' && { challenge }),
  })
}

function describe({ host, step }: Where, status: number, text: string | undefined): string {
  const hint = status === 407 ? ' (from a proxy)' : ''
  return `${host} answered ${status}${hint} to ${step}${text === undefined ? '' : `: ${text}`}`
}

/** What a registry says of something that was sent to it. The codes are its own: other steps never see them. */
function refusalOf(status: number, step: Step, reason: string | undefined): ErrorCode | undefined {
  if (step !== 'upload' && step !== 'publish') return undefined
  if (status === 413) return step === 'publish' ? 'MANIFEST_TOO_LARGE' : 'UNSUPPORTED'
  if (status < 400 || status >= 500 || reason === undefined) return undefined
  return SENT_REFUSED.get(reason)
}

function codeOf(status: number, step: Step, reason: string | undefined): ErrorCode {
  if (status === 401) return 'UNAUTHORIZED'
  // OAuth2 answers 400 for credentials it does not accept: RFC 6749 section 5.2.
  if (status === 400 && step === 'token') return 'UNAUTHORIZED'
  if (status === 429 || reason === 'TOOMANYREQUESTS') return 'TOOMANYREQUESTS'
  if (status === 403) return 'DENIED'
  if (status === 404 || status === 410) {
    return step !== 'token' && reason !== undefined && NAMED_UNKNOWN.has(reason) ? (reason as ErrorCode) : UNKNOWN[step]
  }
  if (status === 408 || status === 425 || status >= 500) return 'REGISTRY_UNAVAILABLE'
  if (status === 416) return 'RANGE_INVALID'
  if (status === 405 || status === 406 || status === 415) return 'UNSUPPORTED'
  return 'PROTOCOL_ERROR'
}

/** Never throws: the body is a hint. A token server's free text is left out, it has just been sent a password. */
function parseErrorBody({ body, step, sent }: RefusedResponse): { reason?: string; message?: string } {
  const document = parseObject(body)
  const errors: unknown = document?.errors
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined
  const { code, message } = (typeof first === 'object' && first !== null ? first : {}) as Record<string, unknown>
  const reason = typeof code === 'string' ? code : document?.error
  return {
    ...(typeof reason === 'string' && /^[A-Za-z0-9_]{1,64}$/.test(reason) && { reason }),
    ...(typeof message === 'string' &&
      message !== '' &&
      step !== 'token' && { message: serverText(withoutSent(message, sent)) }),
  }
}

function parseObject(body: Uint8Array | undefined): Record<string, unknown> | undefined {
  if (body === undefined || body.length === 0) return undefined
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
