import { contiguousPrefix, coveredBytes } from '../src/blobs/checkpoint.js'
import type { FsIngest } from '../src/blobs/fs-ingest.js'
import { ingestDataPath } from '../src/blobs/fs-ingest-data.js'
import { HearthError, isHearthError } from '../src/errors.js'
import { algorithmOf, type Digest } from '../src/oci/digest.js'
import { reportBytes } from '../src/pool/task-control.js'
import type { FetchBlobTask, FetchBlobValue, WorkerSettings } from '../src/pool/tasks.js'
import type { Transport } from '../src/registry/http-dispatcher.js'
import { connectionsFor, hasIdleProcessor } from './load.js'
import { InlineHash, type StreamHash } from './stream-hash.js'
import { ThreadHash } from './thread-hash.js'
import { Transfer } from './transfer.js'

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
  #received = 0
  #resumed: number
  #restarted = false
  #checkpointed = 0
  #flushed = 0
  #flushing: Promise<void> = Promise.resolve()
  #hash: StreamHash | undefined
  #handedOver = false

  constructor(context: DownloadContext) {
    this.#context = context
    this.#resumed = coveredBytes(context.ingest.trusted)
  }

  /**
   * What an earlier run left may be wrong, and a server's ranges may be: either way the blob is begun once more from zero,
   * over one connection.
   * @throws HearthError DIGEST_MISMATCH when whole bytes fresh from the server are wrong too, and what `requestBlob` throws.
   */
  async complete(): Promise<FetchBlobValue> {
    const { settings, task } = this.#context
    try {
      await this.#attempt({ fresh: false, connections: connectionsFor(settings, task.size) })
    } catch (error) {
      if (!isWrong(error) && !isHearthError(error, 'RANGE_INVALID')) throw error
      // A length that does not fit says nothing about the bytes that are here: it may be a captive portal's page.
      if (isHearthError(error, 'SIZE_MISMATCH') && this.#received === 0) throw error
      this.#restart()
      // Wrong from the first byte on: asked a second time at most, and not for a size that the server announces.
      if (isHearthError(error, 'SIZE_MISMATCH')) throw error
      await this.#attemptAfresh()
    }
    return { received: this.#received, resumed: this.#resumed, restarted: this.#restarted }
  }

  async #attemptAfresh(): Promise<void> {
    try {
      await this.#attempt({ fresh: true, connections: 1 })
    } catch (error) {
      if (isWrong(error)) this.#restart()
      throw error
    }
  }

  async #attempt({ fresh, connections }: { readonly fresh: boolean; readonly connections: number }): Promise<void> {
    const { task, ingest, transport, signal } = this.#context
    const { source, size } = task
    const present = ingest.trusted
    this.#hash = await this.#inlineHash(contiguousPrefix(present))
    // Wanted at once if the server turns out to ignore ranges, when there is no time to wait for one.
    const spare = present.length > 0 ? await this.#inlineHash(0) : undefined
    try {
      if (coveredBytes(present) < size) {
        const transfer = new Transfer(
          { source, size, present, fresh, connections, transport, signal },
          {
            startOver: () => {
              this.#restart()
              this.#hash = spare
            },
            write: (offset, bytes) => this.#take(offset, bytes),
          },
        )
        await transfer.run()
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

  #take(offset: number, bytes: Uint8Array): void {
    const { ingest, task } = this.#context
    ingest.write(offset, bytes)
    this.#received += bytes.length
    const prefix = contiguousPrefix(ingest.trusted)
    this.#hash?.passBy(offset, bytes, prefix)
    reportBytes(task.control, coveredBytes(ingest.trusted))
    if (!this.#handedOver && this.#received >= HAND_OVER_AFTER_BYTES) this.#considerHandOver(prefix)
    this.#keep()
  }

  /** One large layer gets a second thread for hashing, unless other downloads have work for all processors. */
  #considerHandOver(prefix: number): void {
    const { task, settings } = this.#context
    this.#handedOver = true
    if (task.size - prefix < HAND_OVER_LEFT_BYTES || !hasIdleProcessor(settings)) return
    this.#hash?.stop()
    this.#hash = new ThreadHash(ingestDataPath(task.ingest, task.size), algorithmOf(task.digest), prefix)
  }

  /** Against the end of this process, and now and then against the end of the machine's power. */
  #keep(): void {
    const { ingest, task, settings } = this.#context
    if (this.#received - this.#checkpointed >= settings.checkpointEveryBytes) {
      ingest.checkpoint()
      this.#checkpointed = this.#received
    }
    if (task.durability === 'full' && this.#received - this.#flushed >= FLUSH_EVERY_BYTES) {
      // One at a time; a failure surfaces where the chain is awaited, and again at the seal's own fsync.
      this.#flushing = this.#flushing.then(() => ingest.flush())
      this.#flushing.catch(() => undefined)
      this.#flushed = this.#received
    }
  }

  #restart(): void {
    this.#context.ingest.restart()
    this.#hash?.stop()
    this.#resumed = 0
    this.#restarted = true
    reportBytes(this.#context.task.control, 0)
  }

  async #verify(): Promise<void> {
    const { digest: expected, size, source } = this.#context.task
    // Undefined: its thread could not do it, or the file is shorter than what was written. Then it is read once more, here.
    const actual = (await this.#finish(this.#hash)) ?? (await this.#finish(await this.#inlineHash(size)))
    if (actual === expected) return
    const details = { host: source.host, step: 'blob', expected, actual: actual ?? 'fewer bytes' }
    throw new HearthError('DIGEST_MISMATCH', `${source.host} sent ${details.actual} for ${expected}`, details)
  }

  /** Reads no further when it is to stop: an earlier run may have left gigabytes. */
  async #finish(hash: StreamHash | undefined): Promise<Digest | undefined> {
    const { task, signal } = this.#context
    const stop = (): void => hash?.stop()
    signal.addEventListener('abort', stop, { once: true })
    try {
      const digest = signal.aborted ? undefined : await hash?.finish(task.size)
      if (signal.aborted) throw new HearthError('ABORTED', 'stopped', { step: 'blob' })
      return digest
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }
}

/** Bytes that no later run should build on. */
function isWrong(error: unknown): boolean {
  return isHearthError(error, 'DIGEST_MISMATCH') || isHearthError(error, 'SIZE_MISMATCH')
}
