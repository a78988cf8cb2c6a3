const USER_INFO = /\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@'"]+@/gi
const QUERY = /\b([a-z][a-z0-9+.-]*:\/\/[^\s?'"]+)\?[^\s'"]*/gi
const AUTHORIZATION = /\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]+/gi
const NAMED =
  /\b(token|access_token|refresh_token|identitytoken|password|passwd|secret|auth|authorization|cookie|signature)(["']?\s*[=:]\s*["']?)[^\s&"',;]+/gi

/**
 * Text from an error that is not ours (a cause, a stack) without what may be a secret: a URL's user and query,
 * `Bearer` and `Basic` values, and what follows `token=`, `password:` and their like.
 */
export function redact(text: string): string {
  return text
    .replace(AUTHORIZATION, '$1 [redacted]')
    .replace(USER_INFO, '$1[redacted]@')
    .replace(QUERY, '$1?[redacted]')
    .replace(NAMED, '$1$2[redacted]')
}
