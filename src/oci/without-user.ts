// After a scheme, or before what has the slash of a repository; what stands before a digest is a name.
const USER = /^(?:([a-z][a-z0-9+.-]*:\/\/)[^\s@]*|[^\s@]+(?=@[^@]*\/))@(?!(?:sha256|sha512|blake3):)/i

/**
 * What was given as an image's name, fit for an error: `https://user:password@host/app`, pasted from elsewhere, is no reference,
 * and its password has no place in a log.
 */
export function withoutUser(text: string): string {
  return text.replace(USER, (_, scheme: string | undefined) => `${scheme ?? ''}[redacted]@`)
}
