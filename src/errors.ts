/**
 * Every failure this package reports on purpose. A code is API: never rename or reuse one; messages may change.
 * `retryable` says that the same call may succeed later without anything being changed; `exitCode` is the CLI's.
 * Where distribution-spec has a code (MANIFEST_UNKNOWN, UNAUTHORIZED, TOOMANYREQUESTS …) it is used.
 */
export const ERRORS = {
  // What the user asked for does not make sense.
  USAGE: { retryable: false, exitCode: 2 },
  REFERENCE_INVALID: { retryable: false, exitCode: 2 },
  DIGEST_INVALID: { retryable: false, exitCode: 2 },
  PLATFORM_INVALID: { retryable: false, exitCode: 2 },
  OPTION_INVALID: { retryable: false, exitCode: 2 },
  INPUT_INVALID: { retryable: false, exitCode: 2 },
  // It makes sense, but it is not there.
  REFERENCE_UNKNOWN: { retryable: false, exitCode: 3 },
  PLATFORM_UNKNOWN: { retryable: false, exitCode: 3 },
  NAME_UNKNOWN: { retryable: false, exitCode: 3 },
  MANIFEST_UNKNOWN: { retryable: false, exitCode: 3 },
  BLOB_UNKNOWN: { retryable: false, exitCode: 3 },
  PLATFORM_MISSING: { retryable: false, exitCode: 3 },
  CACHE_MISSING: { retryable: false, exitCode: 3 },
  LOCK_MISSING: { retryable: false, exitCode: 3 },
  POSITION_UNKNOWN: { retryable: false, exitCode: 3 },
  // It is there, and is to stay.
  REFERENCE_PINNED: { retryable: false, exitCode: 7 },
  // It is there, but it is not what it claims to be.
  DIGEST_MISMATCH: { retryable: true, exitCode: 4 },
  SIZE_MISMATCH: { retryable: true, exitCode: 4 },
  MANIFEST_INVALID: { retryable: false, exitCode: 4 },
  MANIFEST_TOO_LARGE: { retryable: false, exitCode: 4 },
  LAYOUT_INVALID: { retryable: false, exitCode: 4 },
  ARCHIVE_INVALID: { retryable: false, exitCode: 4 },
  LAYER_INVALID: { retryable: false, exitCode: 4 },
  LAYER_TOO_LARGE: { retryable: false, exitCode: 4 },
  VERIFY_FAILED: { retryable: false, exitCode: 4 },
  VERIFY_REPAIRED: { retryable: false, exitCode: 10 }, // all of it
  // The network, or the registry behind it.
  REGISTRY_UNAVAILABLE: { retryable: true, exitCode: 5 },
  TOOMANYREQUESTS: { retryable: true, exitCode: 5 },
  CONNECTION_FAILED: { retryable: true, exitCode: 5 },
  CONNECTION_LOST: { retryable: true, exitCode: 5 },
  TIMEOUT: { retryable: true, exitCode: 5 },
  RANGE_INVALID: { retryable: true, exitCode: 5 },
  BLOB_UPLOAD_UNKNOWN: { retryable: true, exitCode: 5 },
  PROTOCOL_ERROR: { retryable: false, exitCode: 5 },
  HOST_UNKNOWN: { retryable: false, exitCode: 5 },
  TLS_FAILED: { retryable: false, exitCode: 5 },
  REDIRECT_REFUSED: { retryable: false, exitCode: 5 },
  UNSUPPORTED: { retryable: false, exitCode: 5 },
  // Who is asking.
  UNAUTHORIZED: { retryable: false, exitCode: 7 },
  DENIED: { retryable: false, exitCode: 7 },
  CREDENTIALS_FAILED: { retryable: false, exitCode: 7 },
  // It is there, and it is another one.
  REFERENCE_EXISTS: { retryable: false, exitCode: 9 },
  // The event log.
  LOG_BUSY: { retryable: true, exitCode: 6 },
  LOG_CONFLICT: { retryable: false, exitCode: 6 }, // not blindly: re-read, decide again
  LOG_CORRUPT: { retryable: false, exitCode: 6 },
  LOG_FAILED: { retryable: false, exitCode: 6 },
  // The disk.
  NO_SPACE: { retryable: false, exitCode: 8 },
  STORE_FAILED: { retryable: false, exitCode: 8 },
  STORE_READ_ONLY: { retryable: false, exitCode: 8 },
  STORE_BUSY: { retryable: true, exitCode: 8 },
  FORMAT_UNSUPPORTED: { retryable: false, exitCode: 8 },
  FS_UNSUPPORTED: { retryable: false, exitCode: 8 },
  // The run as a whole.
  PARTIAL: { retryable: false, exitCode: 1 }, // several images failed, for different reasons
  ABORTED: { retryable: false, exitCode: 130 },
  INTERNAL: { retryable: false, exitCode: 70 },
} as const

export type ErrorCode = keyof typeof ERRORS
export type ErrorDetails = Readonly<Record<string, string | number | boolean>>

/** The same failure as plain data: structured clone keeps it whole, but drops an Error's class and own fields. */
export interface Failure {
  readonly code: ErrorCode
  readonly message: string
  readonly details: ErrorDetails
}

const brand = Symbol.for('hearth.HearthError')

/** `details` is flat JSON: expected, actual, path, host, step … and never a secret or a URL's query. */
export class HearthError extends Error {
  override readonly name = 'HearthError'
  readonly [brand] = true

  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly details: ErrorDetails = {},
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause })
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable
  }
}

/** Works across two installed copies of this package, where `instanceof` does not. */
export function isHearthError(error: unknown, code?: ErrorCode): error is HearthError {
  return error instanceof Error && brand in error && (code === undefined || (error as HearthError).code === code)
}

/** Anything thrown, as plain data. What is not ours becomes INTERNAL and keeps its stack as the message. */
export function toFailure(error: unknown): Failure {
  if (isHearthError(error)) return { code: error.code, message: error.message, details: error.details }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { code: 'INTERNAL', message, details: {} }
}

/** The way back from {@link toFailure}. */
export function fromFailure({ code, message, details }: Failure): HearthError {
  return new HearthError(code, message, details)
}
