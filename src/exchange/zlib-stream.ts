import type { Gunzip, Gzip } from 'node:zlib'
import { archiveInvalid } from './archive-error.js'
import type { Bytes } from './bytes.js'

/**
 * What comes out of a stream of node:zlib when the source goes in. Each chunk is let go of before the next one is asked for,
 * as {@link Bytes} wants it.
 * @throws HearthError ARCHIVE_INVALID when a decoder finds damage.
 */
export async function* through(stream: Gunzip | Gzip, source: Bytes): Bytes {
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
  const isDamage = code?.startsWith('Z_') || code?.startsWith('ZSTD_')
  return isDamage ? archiveInvalid('it is no sound compressed stream', { errno: code ?? '' }, error) : error
}
