const MAX_CHARACTERS = 128
/** Stands for itself in a printed platform. */
const PLAIN = /^[A-Za-z0-9_.+-]$/
/** At most nine characters for each that is meant. */
const TYPED = new RegExp(`^[A-Za-z0-9_.+% -]{1,${9 * MAX_CHARACTERS}}$`)

/**
 * Whether a document may call the version of its operating system so. The spec gives it no form (`10.0.17763.1`, and in
 * Homebrew's images `macOS 15.7`), so any text will do that is not endless and can be written as UTF-8.
 */
export function isOsVersion(text: string): boolean {
  return text.length > 0 && text.length <= MAX_CHARACTERS && !/\p{Surrogate}/u.test(text)
}

/**
 * The version as the last part of a printed platform: `macOS%2015.7`. It is one word that holds neither what separates
 * platforms nor what drives a terminal, so that it can stand in a shell, in a list and in an annotation.
 */
export function formatOsVersion(text: string): string {
  return [...text].map((character) => (PLAIN.test(character) ? character : percent(character))).join('')
}

/** The inverse of {@link formatOsVersion}; a blank may also stand as it is. Undefined for anything else. */
export function parseOsVersion(text: string): string | undefined {
  if (!TYPED.test(text)) return undefined
  try {
    const version = decodeURIComponent(text)
    return isOsVersion(version) ? version : undefined
  } catch (error) {
    if (error instanceof URIError) return undefined
    throw error
  }
}

/** Not encodeURIComponent alone: that leaves `!~*'()` as they are, which mean something to shells. */
function percent(character: string): string {
  const encoded = encodeURIComponent(character)
  return encoded === character ? `%${character.charCodeAt(0).toString(16).toUpperCase()}` : encoded
}
