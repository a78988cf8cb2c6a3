import { HearthError } from '../errors.js'
import { algorithmOf, type Digest } from '../oci/digest.js'
import { digestBytes } from '../oci/hasher.js'

/** @throws HearthError DIGEST_MISMATCH, with `expected` and `actual`, when `bytes` are not those of the digest. */
export async function checkDigest(expected: Digest, bytes: Uint8Array): Promise<void> {
  const actual = await digestBytes(bytes, algorithmOf(expected))
  if (actual === expected) return
  throw new HearthError('DIGEST_MISMATCH', `the bytes of ${expected} are not its own`, { expected, actual })
}
