import { createGunzip, createGzip, type Gunzip, type Gzip } from 'node:zlib'
import { archiveInvalid } from './archive-error.js'
import { ByteReader, type Bytes, bytesOf, joined } from './bytes.js'

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

/** Counts both ends of a decompression. */
interface Expansion {
  /** @throws HearthError ARCHIVE_INVALID */
  check(inputBytes: number, outputBytes: number): void
}

/** Pure. Refuses what grows beyond the limits. */
function expansion({ maxBytes, maxRatio, ratioFromBytes }: ExpansionLimits): Expansion {
  return {
    check: (input, output) => {
      if (output > maxBytes) throw archiveInvalid(`it has more than ${maxBytes} bytes when it is uncompressed`)
      if (output > ratioFromBytes && output > input * maxRatio) {
        throw archiveInvalid(`it grows more than ${maxRatio} times when it is uncompressed`)
      }
    },
  }
}

/**
 * A stream without its compression, whichever it has, or as it is when it has none.
 * @throws HearthError ARCHIVE_INVALID as {@link gunzip}.
 */
export async function* decompressed(source: Bytes, limits: ExpansionLimits = EXPANSION_LIMITS): Bytes {
  const reader = new ByteReader(source)
  try {
    const head = await reader.exactly(MAGIC_BYTES)
    const whole = joined(bytesOf(head), reader.rest())
    const compression = compressionOf(head)
    if (compression === 'zstd') throw archiveInvalid('it is compressed with zstd, which hearth does not read here')
    yield* compression === 'gzip' ? gunzip(whole, limits) : whole
  } finally {
    await reader.close()
  }
}

/**
 * The content of a gzip stream, of all its members.
 * @throws HearthError ARCHIVE_INVALID when it is damaged, cut off, followed by anything but zeros, or beyond the limits.
 */
export async function* gunzip(source: Bytes, limits: ExpansionLimits = EXPANSION_LIMITS): Bytes {
  const { check } = expansion(limits)
  const stream = createGunzip({ chunkSize: CHUNK_BYTES })
  let output = 0
  for await (const chunk of through(stream, source)) {
    output += chunk.length
    check(stream.bytesWritten, output)
    yield chunk
  }
}

/** As gzip, the same bytes for the same content: no name, no time, always the same level. */
export function gzip(source: Bytes): Bytes {
  return through(createGzip({ level: 6, chunkSize: CHUNK_BYTES }), source)
}

/** Each chunk is let go of before the next one is asked for, as {@link Bytes} wants it. */
async function* through(stream: Gunzip | Gzip, source: Bytes): Bytes {
  let failure: unknown
  const feeding = feed(stream, source).catch((error: unknown) => {
    failure = error
    stream.destroy()
  })
  try {
    for await (const chunk of stream) yield chunk as Uint8Array
  } catch (error) {
    throw failure ?? invalidStream(error)
  } finally {
    stream.destroy()
    await feeding
  }
}

async function feed(stream: Gunzip | Gzip, source: Bytes): Promise<void> {
  let taken = (): void => {}
  // One that is destroyed never says that it has taken what it was given.
  stream.once('close', () => taken())
  for await (const chunk of source) {
    await new Promise<void>((resolve) => {
      taken = resolve
      stream.write(chunk, () => resolve())
    })
    if (stream.destroyed) return
  }
  stream.end()
}

function invalidStream(error: unknown): unknown {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  return code?.startsWith('Z_') ? archiveInvalid('it is no sound gzip stream', { errno: code }, error) : error
}
