import { setImmediate as nextTurn } from 'node:timers/promises'
import { contiguousPrefix } from '../src/blobs/checkpoint.js'
import type { FsIngest } from '../src/blobs/fs-ingest.js'
import { HashCursor } from '../src/blobs/hash-cursor.js'
import { HearthError, isHearthError } from '../src/errors.js'
import { algorithmOf } from '../src/oci/digest.js'
import { createHasher } from '../src/oci/hasher.js'
import { reportBytes } from '../src/pool/task-control.js'
import type { FetchBlobTask, FetchBlobValue, WorkerSettings } from '../src/pool/tasks.js'
import { requestBlob } from '../src/registry/http-blob.js'
import type { Transport } from '../src/registry/http-dispatcher.js'

/** Bytes after which the disk is asked to have them safe while more arrive, so that the last fsync is short. */
const FLUSH_EVERY_BYTES = 64 * 1024 * 1024

export interface DownloadContext {
  readonly task: FetchBlobTask
  readonly settings: WorkerSettings
  readonly ingest: FsIngest
  readonly transport: Transport
  readonly signal: AbortSignal
}

/** One ingest on its way from what was left of it to all bytes, verified. Used once. */
export class BlobDownload {
  readonly #context: DownloadContext
  /** Bytes on disk, from zero without a gap. */
  #written: number
  #flushed: number
  #received = 0
  #resumed: number
  #restarted = false
  #flushing: Promise<void> = Promise.resolve()
  #cursor: HashCursor | undefined

  constructor(context: DownloadContext) {
    this.#context = context
    this.#written = this.#resumed = this.#flushed = contiguousPrefix(context.ingest.trusted)
  }

  /**
   * What an earlier run left may be wrong, and a server's ranges may be: either way the blob is begun once more from zero.
   * @throws HearthError DIGEST_MISMATCH when whole bytes fresh from the server are wrong too, and what `requestBlob` throws.
   */
  async complete(): Promise<FetchBlobValue> {
    try {
      await this.#attempt(false)
    } catch (error) {
      if (!isWrong(error) && !isHearthError(error, 'RANGE_INVALID')) throw error
      this.#restart()
      // Wrong from the first byte on: the worker asks a second time at most, and not for a size the server announces.
      if (isHearthError(error, 'SIZE_MISMATCH')) throw error
      await this.#attemptAfresh()
    }
    return { received: this.#received, resumed: this.#resumed, restarted: this.#restarted }
  }

  async #attemptAfresh(): Promise<void> {
    try {
      await this.#attempt(true)
    } catch (error) {
      if (isWrong(error)) this.#restart()
      throw error
    }
  }

  async #attempt(fresh: boolean): Promise<void> {
    const { task, settings, transport, signal } = this.#context
    const cursor = await this.#newCursor()
    // Wanted at once if the server turns out to ignore ranges, when there is no time to wait for one.
    const spare = this.#written > 0 ? await this.#newCursor() : cursor
    this.#cursor = cursor
    const caughtUp = this.#catchUp(cursor)
    try {
      if (this.#written < task.size) {
        const { source, size } = task
        const request = { source, size, from: this.#written, fresh, limits: settings.transport, signal }
        await requestBlob(transport, request, {
          start: (offset) => {
            if (offset === this.#written) return
            this.#restart()
            this.#cursor = spare
          },
          chunk: (bytes) => this.#take(bytes),
        })
      }
      await caughtUp
      await this.#catchUp(this.#cursor)
      this.#verify(this.#cursor)
    } finally {
      this.#cursor = undefined
      await Promise.all([caughtUp, this.#flushing])
    }
  }

  async #newCursor(): Promise<HashCursor> {
    return new HashCursor(await createHasher(algorithmOf(this.#context.task.digest)), this.#context.ingest)
  }

  /** Runs beside the download, a step at a time, until it has met the written end or nobody wants it any more. */
  async #catchUp(cursor: HashCursor): Promise<void> {
    while (this.#cursor === cursor && !this.#context.signal.aborted && cursor.catchUp(this.#written)) await nextTurn()
  }

  #take(bytes: Uint8Array): void {
    const { ingest, task } = this.#context
    ingest.write(this.#written, bytes)
    this.#cursor?.passBy(this.#written, bytes)
    this.#written += bytes.length
    this.#received += bytes.length
    reportBytes(task.control, this.#written)
    if (task.durability === 'full' && this.#written - this.#flushed >= FLUSH_EVERY_BYTES) {
      // One at a time; a failure surfaces where the chain is awaited, and again at the seal's own fsync.
      this.#flushing = this.#flushing.then(() => ingest.flush())
      this.#flushing.catch(() => undefined)
      this.#flushed = this.#written
    }
  }

  #restart(): void {
    this.#context.ingest.restart()
    this.#written = this.#flushed = this.#resumed = 0
    this.#restarted = true
    reportBytes(this.#context.task.control, 0)
  }

  #verify(cursor: HashCursor): void {
    const { digest: expected, size, source } = this.#context.task
    if (this.#context.signal.aborted) throw new HearthError('ABORTED', 'stopped', { step: 'blob' })
    const details = { host: source.host, step: 'blob', expected }
    if (cursor.position !== size) {
      throw new HearthError('DIGEST_MISMATCH', `the ingest of ${expected} is shorter than what was written`, details)
    }
    const actual = cursor.digest()
    if (actual === expected) return
    throw new HearthError('DIGEST_MISMATCH', `${source.host} sent ${actual} for ${expected}`, { ...details, actual })
  }
}

/** Bytes that no later run should build on. */
function isWrong(error: unknown): boolean {
  return isHearthError(error, 'DIGEST_MISMATCH') || isHearthError(error, 'SIZE_MISMATCH')
}
