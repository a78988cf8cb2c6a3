import { createHash } from 'node:crypto'
import { type Digest, type DigestAlgorithm, makeDigest } from './digest.js'

/** One hasher serves one stream of bytes; `digest()` ends it. */
export interface Hasher {
  update(bytes: Uint8Array): void
  digest(): Digest
}

/**
 * node:crypto hashes SHA-256 over three times as fast as hash-wasm (`bench/oci/hash.bench.ts`), but has no BLAKE3:
 * hash-wasm serves that one, and is loaded only when such a digest turns up.
 */
export async function createHasher(algorithm: DigestAlgorithm): Promise<Hasher> {
  if (algorithm === 'blake3') {
    const { createBLAKE3 } = await import('hash-wasm')
    const hash = await createBLAKE3()
    return {
      update: (bytes) => void hash.update(bytes),
      digest: () => makeDigest(algorithm, hash.digest('hex')),
    }
  }
  const hash = createHash(algorithm)
  return {
    update: (bytes) => void hash.update(bytes),
    digest: () => makeDigest(algorithm, hash.digest('hex')),
  }
}

/** The digest of bytes that are in memory as a whole. */
export async function digestBytes(bytes: Uint8Array, algorithm: DigestAlgorithm = 'sha256'): Promise<Digest> {
  const hasher = await createHasher(algorithm)
  hasher.update(bytes)
  return hasher.digest()
}

/** Hexadecimal SHA-256 of a text in UTF-8: the checksum of log records and of small state files. */
export function checksumText(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex')
}
