import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { guardedAsync } from '../blobs/fs-error.js'
import { HearthError } from '../errors.js'
import { kindOf, targetOf } from '../host/fs-path.js'
import { openStream } from '../host/fs-pipe.js'
import { replaceFile } from '../materialise/fs-replace-file.js'
import { MAX_INPUT_BYTES } from './parse-input.js'

/**
 * A file that the user named, or standard input for `-`.
 * @throws HearthError INPUT_INVALID when it cannot be read or is larger than any input may be; ABORTED
 */
export async function readInput(file: string, signal: AbortSignal): Promise<Uint8Array> {
  const bytes = await readInputIfThere(file, signal)
  if (bytes === undefined) throw unreadable(file, 'there is no such file')
  return bytes
}

/** The same; undefined when there is no such file. */
export async function readInputIfThere(file: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
  if (signal.aborted) throw stopped(file)
  try {
    // A stream for files too: `<(…)` in a shell is a pipe with a file's name, and has no size to ask for.
    return await readStream(file === '-' ? process.stdin : await openStream(file), file, signal)
  } catch (error) {
    const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
    if (code === 'ENOENT') return undefined
    if (error instanceof HearthError || code === undefined || code.startsWith('ERR_')) throw error
    throw unreadable(file, code, error)
  }
}

async function readStream(stream: Readable, file: string, signal: AbortSignal): Promise<Uint8Array> {
  if (stream.destroyed) throw unreadable(file, 'standard input can be read once')
  // Standard input to which nobody writes stays open even when it is destroyed: nobody waits for it then.
  let stop = (): void => {}
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(stopped(file))
  })
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([collect(stream, file), aborted])
  } finally {
    signal.removeEventListener('abort', stop)
    stream.destroy()
  }
}

/**
 * Atomic and durable; links to the file stay. A device or a pipe is not replaced by a file, not even by root: it gets the text.
 * @throws HearthError NO_SPACE, STORE_READ_ONLY or STORE_FAILED
 */
export async function writeOutput(file: string, text: string): Promise<void> {
  const path = resolve(file)
  const looking = { step: 'read', path }
  const kind = await guardedAsync(looking, () => kindOf(path))
  if (kind === 'pipe' || kind === 'special') {
    return await guardedAsync({ step: 'write', path }, () => writeFile(path, text))
  }
  await replaceFile(await guardedAsync(looking, () => targetOf(path)), Buffer.from(text))
}

function unreadable(file: string, reason: string, cause?: unknown): HearthError {
  return new HearthError('INPUT_INVALID', `cannot read ${file}: ${reason}`, { file, reason }, cause)
}

async function collect(stream: AsyncIterable<Uint8Array>, file: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of stream) {
    length += chunk.length
    if (length > MAX_INPUT_BYTES) throw unreadable(file, `it is larger than ${MAX_INPUT_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function stopped(file: string): HearthError {
  return new HearthError('ABORTED', `stopped while reading ${file}`)
}
