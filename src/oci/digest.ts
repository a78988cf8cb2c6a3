import { HearthError } from '../errors.js'

declare const brand: unique symbol

/** `algorithm:encoded`, checked. Paths and requests are built from this type alone, never from unchecked text. */
export type Digest = string & { readonly [brand]: 'Digest' }

export type DigestAlgorithm = 'sha256' | 'sha512' | 'blake3'

/** Length of the encoded part, in lower-case hexadecimal digits, for each algorithm that image-spec registers. */
const ENCODED_LENGTH: Readonly<Record<DigestAlgorithm, number>> = { sha256: 64, sha512: 128, blake3: 64 }

/**
 * The registered algorithms only: an unknown one could not be verified, so it must not name a file.
 * Spec: image-spec v1.1 descriptor.md "Digests".
 *
 *     digest    ::= algorithm ":" encoded
 *     algorithm ::= "sha256" | "sha512" | "blake3"
 *     encoded   ::= [a-f0-9]+     64, 128 and 64 digits
 */
export function isDigest(text: unknown): text is Digest {
  if (typeof text !== 'string' || text.length > 140) return false
  const colon = text.indexOf(':')
  const algorithm = text.slice(0, colon)
  if (!Object.hasOwn(ENCODED_LENGTH, algorithm)) return false
  const encoded = text.slice(colon + 1)
  // `$` alone would accept a trailing newline in other dialects; the length check makes that impossible here.
  return encoded.length === ENCODED_LENGTH[algorithm as DigestAlgorithm] && /^[a-f0-9]+$/.test(encoded)
}

/** @throws HearthError DIGEST_INVALID when `text` is not a digest of a registered algorithm. */
export function parseDigest(text: unknown): Digest {
  if (isDigest(text)) return text
  const shown = typeof text === 'string' ? JSON.stringify(text.slice(0, 160)) : typeof text
  throw new HearthError('DIGEST_INVALID', `not a digest: ${shown}`, { found: shown })
}

/** Builds a digest from a hasher's own output. @throws HearthError DIGEST_INVALID when the length is wrong. */
export function makeDigest(algorithm: DigestAlgorithm, encoded: string): Digest {
  return parseDigest(`${algorithm}:${encoded}`)
}

export function algorithmOf(digest: Digest): DigestAlgorithm {
  return digest.slice(0, digest.indexOf(':')) as DigestAlgorithm
}

export function encodedOf(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1)
}
