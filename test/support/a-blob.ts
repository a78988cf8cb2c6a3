import type { Digest, DigestAlgorithm } from '../../src/oci/digest.js'
import { digestBytes } from '../../src/oci/hasher.js'

export interface TestBlob {
  readonly digest: Digest
  readonly size: number
  readonly bytes: Uint8Array
}

/** A blob of this text, repeated up to `size` bytes if one is given. */
export async function aBlob(text: string, size = text.length, algorithm?: DigestAlgorithm): Promise<TestBlob> {
  const bytes = size === 0 ? new Uint8Array() : new Uint8Array(Buffer.alloc(size, text))
  return { digest: await digestBytes(bytes, algorithm), size, bytes }
}
