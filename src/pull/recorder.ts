import type { BlobStore, ReadyIngest } from '../blobs/blob-store.js'
import type { EventLog, HeldLog } from '../log/event-log.js'
import type { BlobCommitted, HearthEvent } from '../log/events.js'
import type { Durability } from '../pool/tasks.js'

export interface RecorderDeps {
  readonly log: EventLog
  readonly blobs: BlobStore
  /** Brings index.json up to the held log (step 8). */
  readonly materialise: (log: HeldLog) => Promise<unknown>
  readonly durability: Durability
  readonly boot: string
  /** Monotonic milliseconds. */
  readonly now: () => number
}

/** index.json is rewritten at most this often during a run: once per reference would cost O(n²) bytes over n images. */
const MATERIALISE_EVERY_MS = 250

/** Given the log, what to append: decided inside the hold, so that it cannot be out of date. */
type Decision = (log: HeldLog) => Promise<readonly HearthEvent[]>

interface Pending {
  readonly decide: Decision
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * Steps 6 to 8, in groups: while one group is being renamed, fsynced and appended, the next one gathers. The only place
 * that orders commit before record, so that the log never speaks of a blob that is not durable.
 */
export class Recorder {
  readonly #deps: RecorderDeps
  #committing: Promise<void> | undefined
  #appending: Promise<void> | undefined
  #ready: { readonly ingest: ReadyIngest; readonly mediaType: string; readonly done: PromiseWithResolvers }[] = []
  #pending: Pending[] = []
  #stale = false
  #materialisedAt = Number.NEGATIVE_INFINITY

  constructor(deps: RecorderDeps) {
    this.#deps = deps
  }

  /** Makes a verified ingest visible and records it. Resolves when both would survive a power cut. */
  commitBlob(ingest: ReadyIngest, mediaType: string): Promise<void> {
    const done = withResolvers()
    this.#ready.push({ ingest, mediaType, done })
    this.#committing ??= this.#commitGroups().finally(() => {
      this.#committing = undefined
    })
    return done.promise
  }

  /** Appends what `decide` finds in the held log. Resolves when it is durable; index.json follows by {@link flush}. */
  record(decide: Decision): Promise<void> {
    const { promise, resolve, reject } = withResolvers()
    this.#pending.push({ decide, resolve, reject })
    this.#appending ??= this.#appendGroups().finally(() => {
      this.#appending = undefined
    })
    return promise
  }

  /** Step 8 for everything recorded so far. A pull is acknowledged only after this. */
  async flush(): Promise<void> {
    await this.#appending
    if (this.#stale) await this.#deps.log.hold((log) => this.#materialise(log))
  }

  async #commitGroups(): Promise<void> {
    while (this.#ready.length > 0) {
      const group = this.#ready
      this.#ready = []
      try {
        const committed = await this.#deps.blobs.commit(group.map(({ ingest }) => ingest))
        const { durability, boot } = this.#deps
        const events = committed.map((blob, at): BlobCommitted => {
          const mediaType = group[at]?.mediaType
          const durable = durability === 'full'
          return { type: 'BlobCommitted', ...blob, ...(mediaType !== undefined && { mediaType }), durable, boot }
        })
        await this.record(async () => events)
        for (const { done } of group) done.resolve()
      } catch (error) {
        for (const { done } of group) done.reject(error)
      }
    }
  }

  async #appendGroups(): Promise<void> {
    while (this.#pending.length > 0) {
      const group = this.#pending
      this.#pending = []
      try {
        await this.#deps.log.hold((log) => this.#append(log, group))
        for (const { resolve } of group) resolve()
      } catch (error) {
        for (const { reject } of group) reject(error)
      }
    }
  }

  async #append(log: HeldLog, group: readonly Pending[]): Promise<void> {
    const events: HearthEvent[] = []
    for (const { decide } of group) events.push(...(await decide(log)))
    if (events.length === 0) return
    await log.append(events)
    this.#stale ||= events.some(({ type }) => type === 'ReferenceSet')
    const due = this.#deps.now() - this.#materialisedAt >= MATERIALISE_EVERY_MS
    if (this.#stale && due) await this.#materialise(log)
  }

  async #materialise(log: HeldLog): Promise<void> {
    await this.#deps.materialise(log)
    this.#stale = false
    this.#materialisedAt = this.#deps.now()
  }
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
