import type { BlobStore } from '../blobs/blob-store.js'
import { type ErrorCode, HearthError, isHearthError } from '../errors.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Repository, UploadBody, UploadSession, Uploads } from '../registry/uploads.js'
import { UploadPieces } from './upload-pieces.js'

/** How a blob came into the repository. */
export type BlobOutcome = 'present' | 'mounted' | 'uploaded'

export interface BlobUpload {
  readonly to: Repository
  readonly blob: Descriptor
  /** A repository of the same registry that may have it; asked for only when the blob is missing. */
  readonly mountFrom: () => Promise<string | undefined>
  /** Bytes that are on their way or there. Falls when something has to be sent again. */
  readonly onBytes: (bytes: number) => void
}

export interface BlobUploadDeps {
  readonly uploads: Uploads
  readonly blobs: Pick<BlobStore, 'stream'>
}

/** Up to here a blob goes out in one request with the end of its upload: one round trip less, and little to send again. */
const ONE_REQUEST_BYTES = 4 * 1024 * 1024
/**
 * The next one below what was sent is tried when a server finds a request too large (413), as proxies before registries do at
 * 100 MB and less; nginx at 1 MiB unless it is told otherwise. Until then all that is left is one piece: every round trip
 * costs, Artifact Registry takes no second piece, and a registry that can go on after a broken piece keeps what it got of it,
 * however large it was.
 */
const PIECE_BYTES: readonly number[] = [64, 16, 4, 1].map((mebibytes) => mebibytes * 1024 * 1024)
/** The upload is no good any more; the blob still is. */
const BEGIN_AGAIN: readonly ErrorCode[] = ['BLOB_UPLOAD_UNKNOWN', 'RANGE_INVALID', 'DIGEST_MISMATCH', 'SIZE_MISMATCH']
/** Bytes that were altered on the way may get there at the second attempt; at the third they would not. */
const CORRUPTED: readonly ErrorCode[] = ['DIGEST_MISMATCH', 'SIZE_MISMATCH']

/**
 * Brings one blob into a repository. Each attempt goes on where the last one ended; how often to try is the caller's
 * decision. What is read is hashed, and of a damaged blob never all is sent.
 */
export class BlobUploader {
  readonly #upload: BlobUpload
  readonly #deps: BlobUploadDeps
  #session: UploadSession | undefined
  /** Whether a request broke off, so that only the registry knows how much it has. */
  #unsure = false
  /** The most that one request may carry. */
  #mostBytes = Number.POSITIVE_INFINITY
  /** What the last request carried. */
  #sentBytes = 0
  #corrupted = false
  /** What was wrong with our own blob: whatever the request then failed with, this is the reason. */
  #damage: unknown

  constructor(upload: BlobUpload, deps: BlobUploadDeps) {
    this.#upload = upload
    this.#deps = deps
  }

  /** Bytes that the registry is known to have. */
  get confirmed(): number {
    return this.#session?.offset ?? 0
  }

  /** @throws HearthError DIGEST_MISMATCH, SIZE_MISMATCH, BLOB_UNKNOWN for our blob; whatever the registry answers. */
  async attempt(signal: AbortSignal): Promise<BlobOutcome> {
    try {
      const session = await this.#open(signal)
      if (typeof session === 'string') return session
      await this.#send(session, signal)
      return 'uploaded'
    } catch (error) {
      if (this.#damage !== undefined) {
        await this.#cancel(signal)
        throw this.#damage
      }
      throw this.#learnFrom(error)
    }
  }

  async #open(signal: AbortSignal): Promise<UploadSession | BlobOutcome> {
    const { to, blob, mountFrom, onBytes } = this.#upload
    const { uploads } = this.#deps
    if (this.#session !== undefined) {
      if (this.#unsure) this.#session = await uploads.status(this.#session, { signal })
      this.#unsure = false
      return this.#session
    }
    // Also after a failure: it may have been the answer alone that got lost.
    if (await uploads.has(to, blob.digest, { signal })) {
      onBytes(blob.size)
      return 'present'
    }
    const elsewhere = await mountFrom()
    const from = elsewhere !== undefined && { mountFrom: elsewhere }
    const session = await uploads.begin(to, { digest: blob.digest, signal, ...from })
    this.#session = session
    if (session !== undefined) return session
    onBytes(blob.size)
    return 'mounted'
  }

  async #send(opened: UploadSession, signal: AbortSignal): Promise<void> {
    const { size, digest } = this.#upload.blob
    const { uploads } = this.#deps
    const inPieces = size > Math.min(ONE_REQUEST_BYTES, this.#mostBytes)
    let session = opened
    let source: UploadPieces | undefined
    try {
      while (inPieces && session.offset < size) {
        const { offset } = session
        if (source?.at !== offset) {
          await source?.end()
          source = this.#read(offset)
        }
        const bytes = Math.min(size - offset, Math.max(this.#mostBytes, session.minPieceBytes ?? 0))
        this.#unsure = true
        session = await uploads.append(session, this.#body(source, offset, bytes), { signal })
        // Otherwise the same piece would go out for ever.
        if (session.offset <= offset) throw this.#tookNothing(offset)
        this.#session = session
        this.#unsure = false
        this.#upload.onBytes(session.offset)
      }
      this.#unsure = true
      const left = size - session.offset
      const last = left > 0 ? this.#body(undefined, session.offset, left) : undefined
      await uploads.finish(session, digest, { signal, ...(last && { last }) })
    } finally {
      await source?.end()
    }
    this.#upload.onBytes(size)
  }

  /** The next bytes of what is being read; when they are asked for a second time, read anew. */
  #body(source: UploadPieces | undefined, offset: number, size: number): UploadBody {
    const { onBytes } = this.#upload
    this.#sentBytes = size
    const read = (): UploadPieces => this.#read(offset)
    const failed = (error: unknown): void => {
      this.#damage = error
    }
    return {
      size,
      async *open() {
        const own = source?.at === offset ? undefined : read()
        const pieces = own ?? (source as UploadPieces)
        try {
          let sent = offset
          for await (const piece of pieces.take(size)) {
            yield piece
            sent += piece.length
            onBytes(sent)
          }
        } catch (error) {
          failed(error)
          throw error
        } finally {
          await own?.end()
        }
      },
    }
  }

  #read(from: number): UploadPieces {
    const { digest, size } = this.#upload.blob
    return new UploadPieces(this.#deps.blobs.stream(digest, { from }), { from, digest, size })
  }

  #tookNothing(offset: number): HearthError {
    const { to, blob } = this.#upload
    const details = { host: to.registry, step: 'upload', digest: blob.digest, offset }
    return new HearthError('RANGE_INVALID', `${to.registry} took nothing of a piece at ${offset}`, details)
  }

  /** What the next attempt has to do differently. */
  #learnFrom(error: unknown): unknown {
    if (!isHearthError(error)) return error
    const smaller = PIECE_BYTES.find((bytes) => bytes < Math.min(this.#sentBytes, this.#mostBytes))
    if (error.details.status === 413 && smaller !== undefined) {
      this.#mostBytes = smaller
      return new HearthError('REGISTRY_UNAVAILABLE', `${error.message}; smaller pieces follow`, error.details, error)
    }
    if (!BEGIN_AGAIN.includes(error.code)) return error
    this.#session = undefined
    if (!CORRUPTED.includes(error.code) || this.#corrupted) return error
    this.#corrupted = true
    const message = `${error.message}; it was altered on the way`
    return new HearthError('CONNECTION_LOST', message, error.details, error)
  }

  async #cancel(signal: AbortSignal): Promise<void> {
    const session = this.#session
    this.#session = undefined
    try {
      if (session !== undefined) await this.#deps.uploads.cancel(session, { signal })
    } catch (error) {
      // The registry forgets uploads by itself; what is wrong with our blob matters more.
      if (!isHearthError(error)) throw error
    }
  }
}
