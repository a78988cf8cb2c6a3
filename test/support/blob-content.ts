/** Bytes that exist only while they are read: a layer of 10 GiB costs the memory of its pattern. */
export interface BlobContent {
  /** Bytes. */
  readonly size: number
  /** The bytes from `start` up to, not including, `end`, in pieces of at most 1 MiB and without copies. */
  read(start?: number, end?: number): Iterable<Uint8Array>
}

/** A run of bytes, `times` in a row. */
export interface Segment {
  readonly bytes: Uint8Array
  readonly times: number
}

/** Large enough that a socket write costs little per byte, small enough that a waiting one holds little. */
const PIECE = 1024 * 1024

export const EMPTY_CONTENT: BlobContent = contentOf()

/** Content put together from bytes and repeated bytes. */
export function contentOf(...parts: readonly (Uint8Array | Segment)[]): BlobContent {
  const segments = parts
    .map((part) => (part instanceof Uint8Array ? { bytes: part, times: 1 } : part))
    .filter(({ bytes, times }) => bytes.length * times > 0)
  const size = segments.reduce((sum, { bytes, times }) => sum + bytes.length * times, 0)
  return { size, read: (start = 0, end = size) => readSegments(segments, start, end) }
}

/** The same content with `change` applied to each piece; it must keep their lengths. */
export function mapContent(
  content: BlobContent,
  change: (piece: Uint8Array, offset: number) => Uint8Array,
): BlobContent {
  return {
    size: content.size,
    *read(start = 0, end = content.size) {
      let offset = start
      for (const piece of content.read(start, end)) {
        yield change(piece, offset)
        offset += piece.length
      }
    },
  }
}

/** Content from `start` up to `end` as content of its own. */
export function sliceContent(content: BlobContent, start: number, end: number): BlobContent {
  return {
    size: end - start,
    read: (from = 0, to = end - start) => content.read(start + from, start + to),
  }
}

/** One content after another. */
export function joinContent(first: BlobContent, second: BlobContent): BlobContent {
  const size = first.size + second.size
  return {
    size,
    *read(start = 0, end = size) {
      if (start < first.size) yield* first.read(start, Math.min(end, first.size))
      if (end > first.size) yield* second.read(Math.max(0, start - first.size), end - first.size)
    },
  }
}

function* readSegments(segments: readonly Segment[], start: number, end: number): Generator<Uint8Array> {
  let skip = start
  let left = Math.max(0, end - start)
  for (const { bytes, times } of segments) {
    const length = bytes.length * times
    if (skip >= length) {
      skip -= length
      continue
    }
    for (let at = skip; at < length && left > 0; ) {
      const from = at % bytes.length
      const piece = bytes.subarray(from, Math.min(bytes.length, from + PIECE, from + left))
      yield piece
      at += piece.length
      left -= piece.length
    }
    skip = 0
    if (left === 0) return
  }
}
