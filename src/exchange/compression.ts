import { createGunzip, createGzip } from 'node:zlib'
import { archiveInvalid } from './archive-error.js'
import { ByteReader, type Bytes, bytesOf, counted, joined } from './bytes.js'
import { through } from './zlib-stream.js'
import { unzstd } from './zstd.js'

export type Compression = 'none' | 'gzip' | 'zstd'

/** Enough of a stream's beginning for {@link compressionOf}. */
const MAGIC_BYTES = 4
const CHUNK_BYTES = 256 * 1024

/** Pure. How a stream that begins like this is compressed. Spec: RFC 1952 section 2.3.1, RFC 8878 section 3.1. */
export function compressionOf(head: Uint8Array): Compression {
  const [a, b, c, d] = head
  if (a === 0x1f && b === 0x8b) return 'gzip'
  const isFrame = a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd
  const isSkippable = a !== undefined && a >> 4 === 0x5 && b === 0x2a && c === 0x4d && d === 0x18
  return isFrame || isSkippable ? 'zstd' : 'none'
}

/** What output a decompression may have. */
export interface ExpansionLimits {
  readonly maxBytes: number
  /** Output for each byte of input, once there is more output than `ratioFromBytes`. */
  readonly maxRatio: number
  readonly ratioFromBytes: number
}

/** RELIABILITY 7.3, A6. Real layers stay below 100 times; gzip cannot exceed 1,032 times. */
export const EXPANSION_LIMITS: ExpansionLimits = Object.freeze({
  maxBytes: 64 * 1024 ** 3,
  maxRatio: 1000,
  ratioFromBytes: 100 * 1024 ** 2,
})

/** Bytes at both ends of a decompression, so far. */
export interface Expansion {
  readonly input: number
  readonly output: number
}

/** Pure. @throws what `refuse` makes of the reason, when the output grows beyond the limits. */
export function checkExpansion(
  { maxBytes, maxRatio, ratioFromBytes }: ExpansionLimits,
  { input, output }: Expansion,
  refuse: (why: string) => Error,
): void {
  if (output > maxBytes) throw refuse(`it has more than ${maxBytes} bytes without its compression`)
  if (output > ratioFromBytes && output > input * maxRatio) {
    throw refuse(`it grows more than ${maxRatio} times without its compression`)
  }
}

/**
 * A stream without its compression, whichever it has, or as it is when it has none.
 * @throws HearthError ARCHIVE_INVALID when it is damaged, cut off, followed by anything else, or beyond the limits.
 */
export async function* decompressed(source: Bytes, limits: ExpansionLimits = EXPANSION_LIMITS): Bytes {
  const reader = new ByteReader(source)
  try {
    const head = await reader.exactly(MAGIC_BYTES)
    const whole = joined(bytesOf(head), reader.rest())
    const compression = compressionOf(head)
    yield* compression === 'none' ? whole : limited(whole, compression === 'gzip' ? inflate : unzstd, limits)
  } finally {
    await reader.close()
  }
}

/** As gzip, the same bytes for the same content: no name, no time, always the same level. */
export function gzip(source: Bytes): Bytes {
  return through(createGzip({ level: 6, chunkSize: CHUNK_BYTES }), source)
}

function inflate(source: Bytes): Bytes {
  return through(createGunzip({ chunkSize: CHUNK_BYTES }), source)
}

async function* limited(source: Bytes, decode: (source: Bytes) => Bytes, limits: ExpansionLimits): Bytes {
  let [input, output] = [0, 0]
  const ahead = counted(source, (bytes) => {
    input += bytes
  })
  for await (const chunk of decode(ahead)) {
    output += chunk.length
    checkExpansion(limits, { input, output }, archiveInvalid)
    yield chunk
  }
}
