import { archiveInvalid } from './archive-error.js'
import { ByteReader, type Bytes } from './bytes.js'

/** A frame's header, or one of its blocks with all that belongs to it. */
export interface ZstdPiece {
  readonly bytes: Uint8Array
  /** Whether the frame ends with it. */
  readonly last: boolean
}

/** RELIABILITY 7.3, A6; also what zstd itself allows unless it is told otherwise. */
const MAX_WINDOW_BYTES = 128 * 1024 ** 2
/** RFC 8878 section 3.1.1.2.4. */
const MAX_BLOCK_BYTES = 128 * 1024
const [FRAME, SKIPPABLE] = [0xfd2fb528, 0x184d2a5]
const [RUN, COMPRESSED] = [1, 2]

interface FrameHeader {
  readonly bytes: Uint8Array
  readonly maxBlockBytes: number
  readonly hasChecksum: boolean
}

/**
 * Takes a zstd stream apart into what a decoder may be given piece by piece: the output of each is at most 128 KiB, and
 * the memory for a frame at most 128 MiB. Frames that are to be skipped are. Spec: RFC 8878 section 3.1.
 * @throws HearthError ARCHIVE_INVALID when it is cut off, followed by anything else, or wants more memory or a dictionary.
 */
export async function* zstdPieces(source: Bytes): AsyncGenerator<ZstdPiece, void> {
  const reader = new ByteReader(source)
  try {
    for (;;) {
      const magic = await reader.exactly(4)
      if (magic.length === 0) return
      const number = magic.length < 4 ? 0 : uint32(magic, 0)
      if (number >>> 4 === SKIPPABLE) await skipFrame(reader)
      else if (number === FRAME) yield* frame(reader, magic)
      else throw archiveInvalid('something other than zstd follows in the stream')
    }
  } finally {
    await reader.close()
  }
}

async function* frame(reader: ByteReader, magic: Uint8Array): AsyncGenerator<ZstdPiece, void> {
  const header = await readHeader(reader, magic)
  yield { bytes: header.bytes, last: false }
  for (let last = false; !last; ) {
    const head = await take(reader, 3)
    const word = (head[0] ?? 0) | ((head[1] ?? 0) << 8) | ((head[2] ?? 0) << 16)
    last = (word & 1) === 1
    const [type, size] = [(word >> 1) & 3, word >> 3]
    if (type > COMPRESSED || size > header.maxBlockBytes) throw archiveInvalid('a block of zstd makes no sense')
    const body = await take(reader, type === RUN ? 1 : size)
    if (type === COMPRESSED) refuseEndlessTable(body)
    const checksum = last && header.hasChecksum ? await take(reader, 4) : new Uint8Array()
    yield { bytes: Buffer.concat([head, body, checksum]), last }
  }
}

async function readHeader(reader: ByteReader, magic: Uint8Array): Promise<FrameHeader> {
  const descriptor = (await take(reader, 1))[0] ?? 0
  if ((descriptor & 8) !== 0) throw archiveInvalid('a frame of zstd makes no sense')
  const isSingle = (descriptor & 0x20) !== 0
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0
  const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0
  const rest = await take(reader, (isSingle ? 0 : 1) + dictionaryBytes + sizeBytes)
  const windowBytes = isSingle ? contentSize(rest.subarray(dictionaryBytes)) : windowSize(rest[0] ?? 0)
  if (windowBytes > MAX_WINDOW_BYTES) throw archiveInvalid(`zstd wants a window of ${windowBytes} bytes`)
  const dictionary = rest.subarray(isSingle ? 0 : 1).subarray(0, dictionaryBytes)
  if (dictionary.some((byte) => byte !== 0)) throw archiveInvalid('zstd wants a dictionary')
  return {
    bytes: Buffer.concat([magic, [descriptor], rest].map((part) => Uint8Array.from(part))),
    maxBlockBytes: Math.min(MAX_BLOCK_BYTES, windowBytes),
    hasChecksum: (descriptor & 4) !== 0,
  }
}

function windowSize(byte: number): number {
  const base = 2 ** (10 + (byte >> 3))
  return base + (base / 8) * (byte & 7)
}

function contentSize(field: Uint8Array): number {
  const size = field.reduceRight((sum, byte) => sum * 256 + byte, 0)
  return field.length === 2 ? size + 256 : size
}

async function skipFrame(reader: ByteReader): Promise<void> {
  const size = uint32(await take(reader, 4), 0)
  if ((await reader.skip(size)) < size) throw cutOff()
}

/**
 * A table of Huffman weights in which one symbol has all the probability consumes no bits: a decoder that waits for the
 * bits to end, as fzstd does, never does. No encoder writes it. Spec: RFC 8878 sections 3.1.1.3.1, 4.1.1 and 4.2.1.
 */
function refuseEndlessTable(block: Uint8Array): void {
  const first = block[0] ?? 0
  if ((first & 3) !== COMPRESSED) return
  const format = (first >> 2) & 3
  const at = format < 2 ? 3 : format + 2
  const length = block[at] ?? 0
  if (length >= 128) return
  const bits = new Bits(block.subarray(at + 1, at + 1 + length))
  const total = 1 << (bits.take(4) + 5)
  for (let symbols = 0; symbols < 256; ) {
    const probability = bits.takeUpTo(total + 1) - 1
    if (probability === total) throw archiveInvalid('a table of zstd makes no sense')
    if (probability !== 0) return
    symbols += 1
    for (let more = 3; more === 3; symbols += more) more = symbols < 256 ? bits.take(2) : 0
  }
}

/** Bits, the lowest of each byte first; zeros beyond the end. */
class Bits {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  take(count: number): number {
    const value = this.#peek(count)
    this.#at += count
    return value
  }

  /** A number up to `most`, the smaller ones of which take one bit less. */
  takeUpTo(most: number): number {
    const bits = 32 - Math.clz32(most)
    const short = 2 ** bits - 1 - most
    const low = this.#peek(bits - 1)
    if (low < short) return this.take(bits - 1)
    const value = this.take(bits)
    return value >= 2 ** (bits - 1) ? value - short : value
  }

  #peek(count: number): number {
    let value = 0
    for (let bit = 0; bit < count; bit++) {
      const at = this.#at + bit
      value |= (((this.#bytes[at >> 3] ?? 0) >> (at & 7)) & 1) << bit
    }
    return value
  }
}

async function take(reader: ByteReader, length: number): Promise<Uint8Array> {
  const bytes = await reader.exactly(length)
  if (bytes.length < length) throw cutOff()
  return bytes
}

function uint32(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true)
}

function cutOff(): Error {
  return archiveInvalid('the zstd stream is cut off')
}
