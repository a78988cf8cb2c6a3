import type { Bytes } from './bytes.js'

/** The same bytes, each piece told of as it goes by: how many there were so far. */
export async function* counted(bytes: Bytes, onBytes: (bytes: number) => void): Bytes {
  let sum = 0
  for await (const piece of bytes) {
    yield piece
    sum += piece.length
    onBytes(sum)
  }
}
