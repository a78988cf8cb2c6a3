import { HearthError } from '../errors.js'
import { algorithmOf, type Digest } from '../oci/digest.js'
import { createHasher } from '../oci/hasher.js'

/** A part of a blob, and where it begins. */
export interface BlobPiece {
  readonly offset: number
  readonly bytes: Uint8Array
}

/**
 * Hashes all pieces of a blob, from the first to the last, and passes on what lies at or behind `from`. The last piece is
 * only passed on when the digest of all is right.
 * @throws HearthError DIGEST_MISMATCH
 */
export async function* verifiedPieces(
  digest: Digest,
  pieces: AsyncIterable<BlobPiece>,
  from = 0,
): AsyncGenerator<Uint8Array> {
  const hasher = await createHasher(algorithmOf(digest))
  let held: BlobPiece | undefined
  for await (const piece of pieces) {
    hasher.update(piece.bytes)
    if (held !== undefined) yield* behind(held, from)
    held = piece
  }
  const actual = hasher.digest()
  if (actual !== digest) {
    throw new HearthError('DIGEST_MISMATCH', `the blob ${digest} is damaged`, { digest, expected: digest, actual })
  }
  if (held !== undefined) yield* behind(held, from)
}

function* behind({ offset, bytes }: BlobPiece, from: number): Generator<Uint8Array> {
  const rest = bytes.subarray(Math.max(0, from - offset))
  if (rest.length > 0) yield rest
}
