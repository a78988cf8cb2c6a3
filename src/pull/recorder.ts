import type { BlobStore, CommittedBlob, ReadyIngest } from '../blobs/blob-store.js'
import { isHearthError } from '../errors.js'
import type { EventLog, HeldLog } from '../log/event-log.js'
import type { BlobCommitted, HearthEvent } from '../log/events.js'
import type { Durability } from '../pool/tasks.js'

export interface RecorderDeps {
  readonly log: EventLog
  readonly blobs: Pick<BlobStore, 'commit'>
  /** Brings index.json up to the held log (step 8). */
  readonly materialise: (log: HeldLog) => Promise<unknown>
  readonly durability: Durability
  readonly boot: string
  /** Monotonic milliseconds. */
  readonly now: () => number
  /** Called when bytes were recorded that a reboot would put in doubt. */
  readonly onDoubtful?: (bytes: number) => void
}

/** index.json is rewritten at most this often during a run: once per reference would cost O(n²) bytes over n images. */
const MATERIALISE_EVERY_MS = 250
/** And for no more than a twentieth of the time: with 10,000 references, it takes 120 ms. */
const MATERIALISE_SHARE = 20

/** Given the log, what to append: decided inside the hold, so that it cannot be out of date. */
type Decision = (log: HeldLog) => Promise<readonly HearthEvent[]>

interface Pending {
  readonly decide: Decision
  readonly done: PromiseWithResolvers
}

interface Ready {
  readonly ingest: ReadyIngest
  readonly mediaType: string
  readonly done: PromiseWithResolvers
}

/**
 * Steps 6 to 8, in groups: while one group is being renamed, fsynced and appended, the next one gathers. The only place
 * that orders commit before record, so that the log never speaks of a blob that is not durable.
 */
export class Recorder {
  readonly #deps: RecorderDeps
  #committing: Promise<void> | undefined
  #appending: Promise<void> | undefined
  #ready: Ready[] = []
  #pending: Pending[] = []
  #stale = false
  #materialiseNextAt = Number.NEGATIVE_INFINITY

  constructor(deps: RecorderDeps) {
    this.#deps = deps
  }

  /** Makes a verified ingest visible and records it. Resolves when both would survive a power cut. */
  commitBlob(ingest: ReadyIngest, mediaType: string): Promise<void> {
    const done = withResolvers()
    this.#ready.push({ ingest, mediaType, done })
    this.#committing ??= this.#commitGroups()
    return done.promise
  }

  /** Appends what `decide` finds in the held log. Resolves when it is durable; index.json follows by {@link flush}. */
  record(decide: Decision): Promise<void> {
    const done = withResolvers()
    this.#pending.push({ decide, done })
    this.#appending ??= this.#appendGroups()
    return done.promise
  }

  /**
   * Step 8 for everything that was handed in so far. A pull is acknowledged only after this.
   * @throws HearthError LOG_… and STORE_…, LAYOUT_INVALID when another tool's index.json is not to be understood.
   */
  async flush(): Promise<void> {
    await this.#committing
    await this.#appending
    if (this.#stale) await this.#deps.log.hold((log) => this.#materialise(log))
  }

  async #commitGroups(): Promise<void> {
    while (this.#ready.length > 0) {
      const group = this.#ready
      this.#ready = []
      await this.#commit(group)
    }
    // In the same turn as the last look: later, whoever comes in between would wait for a loop that has ended.
    this.#committing = undefined
  }

  async #commit(group: readonly Ready[]): Promise<void> {
    try {
      const committed = await this.#deps.blobs.commit(group.map(({ ingest }) => ingest))
      const types = new Map(group.map(({ ingest, mediaType }) => [ingest.digest, mediaType]))
      const events = committed.map((blob) => this.#eventOf(blob, types.get(blob.digest)))
      await this.record(async () => events)
    } catch (error) {
      if (group.length > 1 && isAboutOneIngest(error)) {
        for (const member of group) await this.#commit([member])
      } else {
        for (const { done } of group) done.reject(error)
      }
      return
    }
    for (const { done } of group) done.resolve()
  }

  #eventOf(blob: CommittedBlob, mediaType: string | undefined): BlobCommitted {
    const { durability, boot } = this.#deps
    const durable = durability === 'full'
    return { type: 'BlobCommitted', ...blob, ...(mediaType !== undefined && { mediaType }), durable, boot }
  }

  async #appendGroups(): Promise<void> {
    while (this.#pending.length > 0) {
      const group = this.#pending
      this.#pending = []
      try {
        await this.#deps.log.hold((log) => this.#append(log, group))
        for (const { done } of group) done.resolve()
      } catch (error) {
        for (const { done } of group) done.reject(error)
      }
    }
    this.#appending = undefined
  }

  async #append(log: HeldLog, group: readonly Pending[]): Promise<void> {
    // Side by side: none sees what another one decides, and each waits for the database.
    const events = (await Promise.all(group.map(({ decide }) => decide(log)))).flat()
    if (events.length === 0) return
    await log.append(events)
    const doubtful = events.flatMap((event) => (event.type === 'BlobCommitted' && !event.durable ? [event.size] : []))
    if (doubtful.length > 0) this.#deps.onDoubtful?.(doubtful.reduce((sum, size) => sum + size, 0))
    this.#stale ||= events.some(({ type }) => type === 'ReferenceSet')
    if (!this.#stale || this.#deps.now() < this.#materialiseNextAt) return
    try {
      await this.#materialise(log)
    } catch (error) {
      // The events are durable: nobody who waits for them has failed. flush() tries again, and there it counts.
      if (!isHearthError(error)) throw error
    }
  }

  async #materialise(log: HeldLog): Promise<void> {
    const begun = this.#deps.now()
    // Also after one that fails.
    this.#materialiseNextAt = begun + MATERIALISE_EVERY_MS
    await this.#deps.materialise(log)
    this.#stale = false
    const ended = this.#deps.now()
    this.#materialiseNextAt = Math.max(this.#materialiseNextAt, ended + (ended - begun) * MATERIALISE_SHARE)
  }
}

/**
 * Nothing of the group is visible yet, and the others can be tried without it. After a refusal of the disk nothing is tried
 * again: a second fsync would report success for what the first one lost.
 */
function isAboutOneIngest(error: unknown): boolean {
  return isHearthError(error, 'BLOB_UNKNOWN') || isHearthError(error, 'SIZE_MISMATCH')
}

interface PromiseWithResolvers {
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Promise.withResolvers, which Node 20 lacks. */
function withResolvers(): PromiseWithResolvers {
  let resolve: () => void = () => undefined
  let reject: (error: unknown) => void = () => undefined
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  return { promise, resolve, reject }
}
