import { contiguousPrefix } from '../src/blobs/checkpoint.js'
import type { FsIngest } from '../src/blobs/fs-ingest.js'
import { ingestDataPath } from '../src/blobs/fs-ingest-data.js'
import { HearthError, isHearthError } from '../src/errors.js'
import { algorithmOf } from '../src/oci/digest.js'
import { reportBytes } from '../src/pool/task-control.js'
import type { FetchBlobTask, FetchBlobValue, WorkerSettings } from '../src/pool/tasks.js'
import { requestBlob } from '../src/registry/http-blob.js'
import type { Transport } from '../src/registry/http-dispatcher.js'
import { hasIdleProcessor } from './load.js'
import { InlineHash, type StreamHash } from './stream-hash.js'
import { ThreadHash } from './thread-hash.js'

/** Bytes after which the disk is asked to have them safe while more arrive, so that the last fsync is short. */
const FLUSH_EVERY_BYTES = 64 * 1024 * 1024

/** By then it is known how many other downloads run beside this one; so much is hashed a second time. */
const HAND_OVER_AFTER_BYTES = 16 * 1024 * 1024
/** What makes a second thread worth its start. */
const HAND_OVER_LEFT_BYTES = 64 * 1024 * 1024

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
  #hash: StreamHash | undefined
  #handedOver = false

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
    this.#hash = await this.#inlineHash(this.#written)
    // Wanted at once if the server turns out to ignore ranges, when there is no time to wait for one.
    const spare = this.#written > 0 ? await this.#inlineHash(0) : undefined
    try {
      if (this.#written < task.size) {
        const { source, size } = task
        const request = { source, size, from: this.#written, fresh, limits: settings.transport, signal }
        await requestBlob(transport, request, {
          start: (offset) => {
            if (offset === this.#written) return
            this.#restart()
            this.#hash = spare
          },
          chunk: (bytes) => this.#take(bytes),
        })
      }
      await this.#verify()
    } finally {
      this.#hash?.stop()
      await this.#flushing
    }
  }

  #inlineHash(present: number): Promise<StreamHash> {
    return InlineHash.open(algorithmOf(this.#context.task.digest), this.#context.ingest, present)
  }

  /** One large layer gets a second thread for hashing, unless other downloads have work for all processors. */
  #considerHandOver(): void {
    const { task, settings } = this.#context
    this.#handedOver = true
    const worthIt = task.size - this.#written >= HAND_OVER_LEFT_BYTES
    if (!worthIt || !hasIdleProcessor(settings)) return
    this.#hash?.stop()
    this.#hash = new ThreadHash(ingestDataPath(task.ingest), algorithmOf(task.digest), this.#written)
  }

  #take(bytes: Uint8Array): void {
    const { ingest, task } = this.#context
    ingest.write(this.#written, bytes)
    this.#hash?.passBy(this.#written, bytes)
    this.#written += bytes.length
    this.#received += bytes.length
    reportBytes(task.control, this.#written)
    if (!this.#handedOver && this.#received >= HAND_OVER_AFTER_BYTES) this.#considerHandOver()
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

  async #verify(): Promise<void> {
    const { digest: expected, size, source } = this.#context.task
    // Undefined: its thread could not do it, or the file is shorter than what was written. Then it is read once more, here.
    const actual = (await this.#hash?.finish(size)) ?? (await (await this.#inlineHash(size)).finish(size))
    if (this.#context.signal.aborted) throw new HearthError('ABORTED', 'stopped', { step: 'blob' })
    if (actual === expected) return
    const details = { host: source.host, step: 'blob', expected, actual: actual ?? 'fewer bytes' }
    throw new HearthError('DIGEST_MISMATCH', `${source.host} sent ${details.actual} for ${expected}`, details)
  }
}

/** Bytes that no later run should build on. */
function isWrong(error: unknown): boolean {
  return isHearthError(error, 'DIGEST_MISMATCH') || isHearthError(error, 'SIZE_MISMATCH')
}
