import type { FileHandle } from 'node:fs/promises'
import type { Digest } from '../oci/digest.js'
import { type BlobPiece, verifiedPieces } from './blob-pieces.js'
import { openBlob } from './fs-blob-file.js'
import { guardedAsync } from './fs-error.js'

/** Large enough for few system calls, small enough that hashing one (a millisecond) keeps no socket waiting. */
const PIECE_BYTES = 1024 * 1024

/** The blob in a file, in pieces, verified while it is read. @throws HearthError as `BlobStore.stream`. */
export async function* streamBlob(path: string, digest: Digest, from: number): AsyncGenerator<Uint8Array> {
  const { file } = await openBlob(path)
  try {
    yield* verifiedPieces(digest, readPieces(file, path), from)
  } finally {
    await file.close()
  }
}

/** Each in memory of its own: a socket may still hold the one before. */
async function* readPieces(file: FileHandle, path: string): AsyncGenerator<BlobPiece> {
  for (let offset = 0; ; ) {
    const buffer = Buffer.allocUnsafeSlow(PIECE_BYTES)
    const { bytesRead } = await guardedAsync({ step: 'read', path }, () => file.read(buffer, 0, PIECE_BYTES, offset))
    if (bytesRead === 0) return
    yield { offset, bytes: buffer.subarray(0, bytesRead) }
    offset += bytesRead
  }
}
