import zlib from 'node:zlib'
import { archiveInvalid } from './archive-error.js'
import type { Bytes } from './bytes.js'
import { through } from './zlib-stream.js'
import { type ZstdPiece, zstdPieces } from './zstd-frames.js'

/** Makes the output of one frame. */
type DecodeFrame = (pieces: AsyncIterable<ZstdPiece>) => Bytes

/** Since Node 22.15 and 23.8. */
const native: (() => zlib.Gunzip) | undefined = (zlib as { createZstdDecompress?: () => zlib.Gunzip })
  .createZstdDecompress
/** Output after which others get their turn: nothing else in this decoder waits for anything. */
const TURN_BYTES = 4 * 1024 ** 2

/**
 * The content of a zstd stream, of all its frames. By Node's own decoder where there is one, else by one in JavaScript at a
 * tenth of the speed, which does not compare the frames' checksums: whoever reads this compares a digest.
 * @throws HearthError ARCHIVE_INVALID
 */
export async function* unzstd(
  source: Bytes,
  decodeFrame: DecodeFrame = native ? decodeNatively : decodeInScript,
): Bytes {
  const pieces = zstdPieces(source)
  try {
    // Node's decoder ends with the first frame, and drops the others without a word.
    for (let next = await pieces.next(); !next.done; next = await pieces.next()) {
      yield* decodeFrame(oneFrame(next.value, pieces))
    }
  } finally {
    await pieces.return()
  }
}

async function* oneFrame(first: ZstdPiece, rest: AsyncIterator<ZstdPiece>): AsyncGenerator<ZstdPiece, void> {
  yield first
  for (let last = false; !last; ) {
    const { done, value } = await rest.next()
    if (done) return
    yield value
    last = value.last
  }
}

function decodeNatively(pieces: AsyncIterable<ZstdPiece>): Bytes {
  return through((native ?? zlib.createGunzip)(), bytesOfPieces(pieces))
}

async function* bytesOfPieces(pieces: AsyncIterable<ZstdPiece>): Bytes {
  for await (const { bytes } of pieces) yield bytes
}

/** In JavaScript, on any Node. */
export async function* decodeInScript(pieces: AsyncIterable<ZstdPiece>): Bytes {
  const { Decompress } = await import('fzstd')
  const ready: Uint8Array[] = []
  const decoder = new Decompress((chunk) => ready.push(chunk))
  let sinceTurn = 0
  for await (const { bytes, last } of pieces) {
    // In two parts: of each input that ends with a block, fzstd keeps an empty view until one comes that does not. So it would
    // keep all the layer.
    decode(() => decoder.push(bytes.subarray(0, -1)))
    decode(() => decoder.push(bytes.subarray(-1)))
    // A frame too short for it to have begun.
    if (last) decode(() => decoder.push(new Uint8Array(), true))
    for (const chunk of ready.splice(0)) {
      sinceTurn += chunk.length
      if (chunk.length > 0) yield chunk
    }
    if (sinceTurn < TURN_BYTES) continue
    sinceTurn = 0
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Damaged input makes it fail in any way that JavaScript knows. */
function decode(push: () => void): void {
  try {
    push()
  } catch (error) {
    throw archiveInvalid('it is no sound zstd stream', {}, error)
  }
}
