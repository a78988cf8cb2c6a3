import { type ErrorCode, HearthError } from '../errors.js'

/** What an errno means to the user; any other is the given code. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'NO_SPACE',
  EDQUOT: 'NO_SPACE',
  EFBIG: 'NO_SPACE',
  EROFS: 'STORE_READ_ONLY',
  EACCES: 'STORE_READ_ONLY',
  EPERM: 'STORE_READ_ONLY',
}

/** A failed system call as a typed error. `doing` completes "cannot …". */
export function storeFailure(error: unknown, doing: string, otherwise: ErrorCode = 'STORE_FAILED'): HearthError {
  const errno = errnoOf(error)
  const code = (errno !== undefined && CODES[errno]) || otherwise
  return new HearthError(code, `cannot ${doing}${errno ? ` (${errno})` : ''}`, { ...(errno && { errno }) }, error)
}

/** `ENOENT` and its like; undefined for what is no failed system call. */
export function errnoOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}
