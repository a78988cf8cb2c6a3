import { createCipheriv, createHash } from 'node:crypto'

/** Incompressible bytes, the same for the same seed: AES-CTR over zeros, more than 1 GB/s. */
export function seededBytes(seed: string, length: number): Uint8Array {
  const key = createHash('sha256').update(seed).digest().subarray(0, 16)
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length))
}
