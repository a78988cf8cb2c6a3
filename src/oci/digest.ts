import { HearthError } from '../errors.js'
import { quote } from './quote.js'

declare const brand: unique symbol

/** `algorithm:encoded`, checked. Paths and requests are built from this type alone, never from unchecked text. */
export type Digest = string & { readonly [brand]: 'Digest' }

/** The algorithms that image-spec registers. */
export const DIGEST_ALGORITHMS = ['sha256', 'sha512', 'blake3'] as const
export type DigestAlgorithm = (typeof DIGEST_ALGORITHMS)[number]

const DIGEST = /^(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}|blake3:[a-f0-9]{64})$/

/**
 * Whether this is a digest that can be verified: the registered algorithms only, because an unknown one must not name a
 * file. Spec: image-spec v1.1 descriptor.md "Digests".
 *
 *     digest    ::= algorithm ":" encoded
 *     algorithm ::= "sha256" | "sha512" | "blake3"
 *     encoded   ::= [a-f0-9]+     64, 128 and 64 digits
 */
export function isDigest(text: unknown): text is Digest {
  return typeof text === 'string' && DIGEST.test(text)
}

/** The text as a digest. @throws HearthError DIGEST_INVALID when it is not one of a registered algorithm. */
export function parseDigest(text: unknown): Digest {
  if (isDigest(text)) return text
  const found = typeof text === 'string' ? quote(text, 160) : typeof text
  throw new HearthError('DIGEST_INVALID', `not a digest: ${found}`, { found })
}

/** Whether blobs of this algorithm can be verified. */
export function isDigestAlgorithm(text: string): text is DigestAlgorithm {
  return DIGEST_ALGORITHMS.some((algorithm) => algorithm === text)
}

/** Builds a digest from a hasher's own output. @throws HearthError DIGEST_INVALID when the length is wrong. */
export function makeDigest(algorithm: DigestAlgorithm, encoded: string): Digest {
  return parseDigest(`${algorithm}:${encoded}`)
}

/** What stands before the colon. */
export function algorithmOf(digest: Digest): DigestAlgorithm {
  return digest.slice(0, digest.indexOf(':')) as DigestAlgorithm
}

/** What stands after the colon: lower-case hexadecimal digits. */
export function encodedOf(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1)
}
