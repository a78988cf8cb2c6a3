/**
 * What `openCache` returns: each method of the interface, as a call that ends with its signal or with the cache. How each
 * is put together stands in `cache/`, over the parts that they share.
 */
import type { Cache } from './api.js'
import { CacheParts } from './cache/cache-parts.js'
import type { Warming } from './cache/warming.js'
import type {
  CompactOptions,
  CopyOptions,
  DiffOptions,
  ExportOptions,
  HistoryOptions,
  ImportOptions,
  InspectOptions,
  ListOptions,
  LockOptions,
  PullOptions,
  PushOptions,
  ReclaimOptions,
  RemoveOptions,
  RestoreOptions,
  SignalOptions,
  VerifyOptions,
  WarmOptions,
  WarmPlanOptions,
} from './call-options.js'
import { Calls } from './calls.js'
import type { PushReport } from './exchange/push-report.js'
import type { ExportReport, ImportedSource, ImportReport } from './exchange/reports.js'
import type { CompactReport, DiffReport, RestoreReport } from './history/reports.js'
import type { Moment } from './history/state-at.js'
import { readHost } from './host/os-host.js'
import type {
  Inspection,
  ListedReference,
  PinReport,
  ReclaimReport,
  RemoveReport,
  VerifyReport,
} from './inventory/reports.js'
import { Lazy } from './lazy.js'
import type { Recorded } from './log/events.js'
import { type CacheOptions, resolveOptions } from './options.js'
import type { PullReport } from './pull/report.js'
import type { LockReport, WarmPlan, WarmReport } from './warm/reports.js'

/**
 * Opens a cache folder. Touches nothing: the folder is made by the first method that writes.
 * @throws HearthError OPTION_INVALID
 */
export async function openCache(options: CacheOptions = {}): Promise<Cache> {
  const host = readHost()
  return new FolderCache(new CacheParts(resolveOptions(options, host), host))
}

class FolderCache implements Cache {
  readonly #parts: CacheParts
  readonly #calls = new Calls()
  readonly #warming = new Lazy<Warming>(async () => new (await import('./cache/warming.js')).Warming(this.#parts))
  #closed: Promise<void> | undefined

  constructor(parts: CacheParts) {
    this.#parts = parts
  }

  get path(): string {
    return this.#parts.path
  }

  pull(references: string | readonly string[], options: PullOptions = {}): Promise<PullReport> {
    const names = typeof references === 'string' ? [references] : references
    return this.#calls.run(options, async (linked) => {
      const { pullInto } = await import('./cache/pulling.js')
      return await pullInto(this.#parts, names, linked)
    })
  }

  warm(references: readonly string[], options: WarmOptions = {}): Promise<WarmReport> {
    return this.#calls.run(options, async (linked) => (await this.#warming.get()).warm(references, linked))
  }

  planWarm(references: readonly string[], options: WarmPlanOptions = {}): Promise<WarmPlan> {
    return this.#calls.run(options, async (linked) => (await this.#warming.get()).plan(references, linked))
  }

  lock(references: readonly string[], options: LockOptions = {}): Promise<LockReport> {
    return this.#calls.run(options, async (linked) => (await this.#warming.get()).lock(references, linked))
  }

  push(references: string | readonly string[], options: PushOptions = {}): Promise<PushReport> {
    const names = typeof references === 'string' ? [references] : references
    return this.#calls.run(options, async (linked) => {
      if (linked.remoteName !== undefined && names.length !== 1)
        throw new TypeError('a remote name is for one reference')
      const { pushFrom } = await import('./cache/pushing.js')
      return await pushFrom(this.#parts, names, linked)
    })
  }

  async list({ at, ...options }: ListOptions = {}): Promise<readonly ListedReference[]> {
    if (at !== undefined) {
      return await this.#calls.run(options, async (linked) => {
        const { listAt } = await import('./cache/remembering.js')
        return await listAt(this.#parts, at, linked)
      })
    }
    const { listOf } = await import('./cache/looking.js')
    return await listOf(this.#parts)
  }

  async inspect(reference: string, options: InspectOptions = {}): Promise<Inspection> {
    const { inspectIn } = await import('./cache/looking.js')
    return await inspectIn(this.#parts, reference, options)
  }

  remove(references: readonly string[], options: RemoveOptions = {}): Promise<RemoveReport> {
    return this.#calls.run(options, async (linked) => {
      const { removeFrom } = await import('./cache/removing.js')
      return await removeFrom(this.#parts, references, linked)
    })
  }

  clean(options: RemoveOptions = {}): Promise<RemoveReport> {
    return this.#calls.run(options, async (linked) => {
      const { cleanOut } = await import('./cache/removing.js')
      return await cleanOut(this.#parts, linked)
    })
  }

  export(references: string | readonly string[], options: ExportOptions): Promise<ExportReport> {
    const names = typeof references === 'string' ? [references] : references
    return this.#calls.run(options, async (linked) => {
      const { exportFrom } = await import('./cache/exporting.js')
      return await exportFrom(this.#parts, names, linked)
    })
  }

  import(sources: string | readonly string[], options: ImportOptions = {}): Promise<ImportReport> {
    const paths = typeof sources === 'string' ? [sources] : sources
    return this.#calls.run(options, async (linked) => {
      const { importInto } = await import('./cache/exchanging.js')
      return await importInto(this.#parts, paths, linked)
    })
  }

  copy(references: string | readonly string[], options: CopyOptions): Promise<ImportedSource> {
    const names = typeof references === 'string' ? [references] : references
    return this.#calls.run(options, async (linked) => {
      const { copyTo } = await import('./cache/exchanging.js')
      return await copyTo(this.#parts, names, linked)
    })
  }

  reclaim(options: ReclaimOptions = {}): Promise<ReclaimReport> {
    return this.#calls.run(options, async (linked) => {
      const { reclaimIn } = await import('./cache/reclaiming.js')
      return await reclaimIn(this.#parts, linked)
    })
  }

  pin(references: readonly string[], options: SignalOptions = {}): Promise<PinReport> {
    return this.#setPins(references, true, options)
  }

  unpin(references: readonly string[], options: SignalOptions = {}): Promise<PinReport> {
    return this.#setPins(references, false, options)
  }

  history(options: HistoryOptions = {}): AsyncIterable<Recorded> {
    const parts = this.#parts
    return this.#calls.stream(options, async function* (linked) {
      const { historyOf } = await import('./cache/remembering.js')
      yield* historyOf(parts, linked)
    })
  }

  compactLog(options: CompactOptions = {}): Promise<CompactReport> {
    return this.#calls.run(options, async (linked) => {
      const { compactIn } = await import('./cache/remembering.js')
      return await compactIn(this.#parts, linked)
    })
  }

  diff(from: Moment, options: DiffOptions = {}): Promise<DiffReport> {
    return this.#calls.run(options, async (linked) => {
      const { diffIn } = await import('./cache/remembering.js')
      return await diffIn(this.#parts, from, linked)
    })
  }

  restore(references: readonly string[], options: RestoreOptions): Promise<RestoreReport> {
    return this.#calls.run(options, async (linked) => {
      const { restoreIn } = await import('./cache/remembering.js')
      return await restoreIn(this.#parts, references, linked)
    })
  }

  verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    return this.#calls.run(options, async (linked) => {
      const { verifyAll } = await import('./cache/verifying.js')
      return await verifyAll(this.#parts, linked)
    })
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  #setPins(references: readonly string[], pinned: boolean, options: SignalOptions): Promise<PinReport> {
    return this.#calls.run(options, async ({ signal }) => {
      const { setPinsIn } = await import('./cache/reclaiming.js')
      return await setPinsIn(this.#parts, references, { pinned, signal })
    })
  }

  async #close(): Promise<void> {
    // Together: a call waits for its tasks, and the pool ends a task that takes too long.
    await Promise.all([this.#calls.stop(), this.#parts.closePool()])
    // With the pool that a call has made meanwhile.
    await this.#parts.close()
  }
}
