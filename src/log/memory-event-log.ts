import { HearthError } from '../errors.js'
import type { Digest } from '../oci/digest.js'
import type { BlobRecord, EventLog, HeldLog, HoldOptions } from './event-log.js'
import type { HearthEvent, Recorded } from './events.js'
import { appendAfter, lend } from './held-log.js'
import { JobQueue } from './job-queue.js'
import { applyAll, emptyIndex, type IndexState, withFlushes } from './projection.js'
import { type Stamp, sealAll } from './record.js'

export interface MemoryEventLogOptions {
  /** Default: a random UUID and the time. */
  readonly stamp?: () => Stamp
}

/** A log that ends with its process: for tests, and for running the whole program in memory. */
export class MemoryEventLog implements EventLog {
  readonly #records: Recorded[] = []
  readonly #queue = new JobQueue<HeldLog>()
  readonly #stamp: () => Stamp
  readonly #waiting = new Set<() => void>()
  #state = emptyIndex
  #pumping: Promise<void> | undefined
  #closed = false

  constructor(options: MemoryEventLogOptions = {}) {
    this.#stamp = options.stamp ?? (() => ({ id: globalThis.crypto.randomUUID(), at: new Date().toISOString() }))
  }

  /** What the log amounts to now. */
  get state(): IndexState {
    return this.#state
  }

  async hold<T>(work: (log: HeldLog) => Promise<T>, { signal }: HoldOptions = {}): Promise<T> {
    if (this.#closed) throw closedError()
    const done = this.#queue.add((log) => lend(log, work), signal ? [signal] : [])
    this.#pumping ??= this.#pump()
    return done
  }

  async append(events: readonly HearthEvent[], after: number, options?: HoldOptions): Promise<readonly Recorded[]> {
    return this.hold((log) => appendAfter(log, events, after), options)
  }

  async *read(position: number, options?: HoldOptions): AsyncGenerator<Recorded> {
    const end = await this.hold(async ({ head }) => head.position, options)
    yield* this.#records.slice(position, end)
  }

  async changed(position: number, { signal }: HoldOptions = {}): Promise<void> {
    while (this.#state.head.position <= position) {
      if (this.#closed) throw closedError()
      if (signal?.aborted) throw new HearthError('ABORTED', 'stopped while waiting for the log to go on')
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve)
        signal?.addEventListener('abort', () => resolve(), { once: true })
      })
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#wake()
    this.#queue.failAll(closedError())
    await this.#pumping
  }

  async #pump(): Promise<void> {
    // Callers go on before their work starts, as they would if a lock had to be taken.
    await Promise.resolve()
    for (let job = this.#queue.first(); job !== undefined; job = this.#queue.first()) await job.run(this.#held())
    this.#pumping = undefined
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }

  #held(): HeldLog {
    const state = (): IndexState => this.#state
    const allBlobs = (): ReadonlyMap<Digest, BlobRecord> => {
      const { blobs, flushes } = this.#state
      return new Map([...blobs].map(([digest, blob]) => [digest, withFlushes(blob, flushes)]))
    }
    return {
      get head() {
        return state().head
      },
      append: async (events) => {
        const records = sealAll(events, this.#state.head, this.#stamp)
        this.#state = applyAll(this.#state, records)
        for (const record of records) this.#records.push(record)
        this.#wake()
        return records
      },
      blobs: async (digests) => {
        const wanted = new Set(digests)
        return new Map([...allBlobs()].filter(([digest]) => wanted.has(digest)))
      },
      allBlobs: async () => allBlobs(),
      references: async () => state().references,
      reference: async (name) => state().references.get(name),
      pins: async () => state().pins,
      archives: async () => state().archives,
      unfinishedRemovals: async () => state().removals,
      flushes: async () => state().flushes,
      read: (position) => inOrder(this.#records.slice(position)),
    }
  }
}

function closedError(): HearthError {
  return new HearthError('ABORTED', 'the log was closed')
}

async function* inOrder(records: readonly Recorded[]): AsyncGenerator<Recorded> {
  yield* records
}
