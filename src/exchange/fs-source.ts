import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { FsBlobStore } from '../blobs/fs-blob-store.js'
import type { Staging } from '../blobs/staging.js'
import { HearthError } from '../errors.js'
import { openStream } from '../host/fs-pipe.js'
import { readWhole } from '../materialise/fs-read-file.js'
import { INDEX_FILE, OCI_LAYOUT_FILE } from '../oci/image-layout.js'
import { archiveInvalid } from './archive-error.js'
import type { Bytes } from './bytes.js'
import type { Offer, OfferedImage } from './offer.js'
import { MAX_INDEX_BYTES, MAX_LAYOUT_BYTES, parseOfferedIndex } from './read-index.js'

const BUFFER_BYTES = 1024 * 1024

/** Where images come from: bytes of an archive, or a folder. */
export type Source =
  | {
      readonly kind: 'archive'
      readonly bytes: Bytes
      /** Of the file; absent for a pipe. */
      readonly size?: number
    }
  | { readonly kind: 'folder' }

/**
 * A file, a pipe or a folder that the user named; `-` is standard input.
 * @throws HearthError INPUT_INVALID when it cannot be read.
 */
export async function openSource(source: string, signal: AbortSignal): Promise<Source> {
  if (source === '-') return { kind: 'archive', bytes: readStream(async () => process.stdin, source, signal) }
  const found = await reading(source, () => stat(source))
  if (found.isDirectory()) return { kind: 'folder' }
  // A pipe has no size and no places; `<(...)` of a shell is one.
  if (!found.isFile()) return { kind: 'archive', bytes: readStream(() => openStream(source), source, signal) }
  return { kind: 'archive', bytes: readFile(source), size: found.size }
}

export interface FolderOptions {
  readonly staging: Pick<Staging, 'stageFile'>
  /** Instead of what its index.json names. */
  readonly images?: readonly OfferedImage[]
  /** Blobs that nobody may write to may be the same files in both places. */
  readonly link?: boolean
}

/**
 * What an image layout in a folder offers: any tool's, or another cache.
 * @throws HearthError ARCHIVE_INVALID when it is none; STORE_FAILED
 */
export async function openFolder(path: string, { staging, images, link = false }: FolderOptions): Promise<Offer> {
  const store = new FsBlobStore(path)
  return {
    images: images ?? (await imagesIn(path)),
    size: async (digest) => (await store.stat(digest))?.size,
    read: (digest, options) => store.read(digest, options),
    stage: async (blob) => void (await staging.stageFile({ ...blob, path: store.pathOf(blob.digest) }, { link })),
  }
}

async function imagesIn(path: string): Promise<readonly OfferedImage[]> {
  const layout = await readWhole(join(path, OCI_LAYOUT_FILE), MAX_LAYOUT_BYTES)
  const index = await readWhole(join(path, INDEX_FILE), MAX_INDEX_BYTES)
  if (layout !== undefined && index !== undefined) return parseOfferedIndex(layout, index)
  throw archiveInvalid(`${path} is no image layout`, { path })
}

/** The next piece is read while the caller works on this one. */
async function* readFile(path: string): Bytes {
  const file = await reading(path, () => open(path, 'r'))
  const buffers = [Buffer.allocUnsafeSlow(BUFFER_BYTES), Buffer.allocUnsafeSlow(BUFFER_BYTES)]
  const next = (turn: number): Promise<Buffer> =>
    reading(path, async () => {
      const buffer = buffers[turn % 2] ?? Buffer.alloc(0)
      return buffer.subarray(0, (await file.read(buffer, 0, BUFFER_BYTES, null)).bytesRead)
    })
  let ahead = next(0)
  try {
    for (let turn = 1; ; turn++) {
      const piece = await ahead
      if (piece.length === 0) return
      ahead = next(turn)
      // Heard of when its turn comes, if it does.
      ahead.catch(() => {})
      yield piece
    }
  } finally {
    await ahead.catch(() => {})
    await file.close()
  }
}

async function reading<T>(source: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    throw unreadable(source, error)
  }
}

/**
 * Opened when it is asked for: then somebody listens to what goes wrong with it. Standard input to which nobody writes cannot be
 * closed while it is read: nobody waits for it then.
 */
async function* readStream(open: () => Promise<Readable>, name: string, signal: AbortSignal): Bytes {
  const stream = await reading(name, open)
  if (stream.destroyed) throw new HearthError('INPUT_INVALID', 'standard input can be read once', { file: name })
  const pieces = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
  let stop = (): void => {}
  const onAbort = (): void => stop()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    for (;;) {
      const { done, value } = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        stop = () => reject(new HearthError('ABORTED', `stopped while reading ${name}`))
        if (signal.aborted) stop()
        pieces.next().then(resolve, (error: unknown) => reject(unreadable(name, error)))
      })
      if (done) return
      yield value
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    stream.destroy()
  }
}

function unreadable(source: string, error: unknown): unknown {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  if (error instanceof HearthError || code === undefined || code.startsWith('ERR_')) return error
  const reason = code === 'ENOENT' ? 'there is no such file' : code
  return new HearthError('INPUT_INVALID', `cannot read ${source}: ${reason}`, { file: source, reason }, error)
}
