/**
 * The composition root: the one place that names adapters. Each part is loaded when a method first needs it, so that
 * `list` and `inspect` cost no more than reading files: undici, RxJS, Piscina and LevelDB take 30 to 180 ms each to load.
 * Longer than other files, because every method of the interface stands here, each with the parts that it needs.
 */
import type {
  Cache,
  HistoryOptions,
  InspectOptions,
  LockOptions,
  PullOptions,
  RemoveOptions,
  SignalOptions,
  VerifyOptions,
  WarmOptions,
  WarmPlanOptions,
} from './api.js'
import { FsBlobStore } from './blobs/fs-blob-store.js'
import type { WireParts } from './cache/open-wire.js'
import type { Warming } from './cache/warming.js'
import { Calls } from './calls.js'
import { HearthError } from './errors.js'
import { absolutePath, type Host, readHost } from './host/os-host.js'
import type { RemovalDeps } from './inventory/remove.js'
import type { Inspection, ListedReference, RemoveReport, VerifyReport } from './inventory/reports.js'
import { Lazy } from './lazy.js'
import type { EventLog, HeldLog } from './log/event-log.js'
import type { Recorded } from './log/events.js'
import { FsIndexFile } from './materialise/fs-index-file.js'
import { type CacheOptions, type ResolvedOptions, resolveOptions } from './options.js'
import type { Pool } from './pool/pool.js'
import type { PullTarget } from './pull/pull.js'
import type { PullReport } from './pull/report.js'
import type { Registry } from './registry/registry.js'
import type { TransportOptions } from './transport.js'
import type { LockReport, WarmPlan, WarmReport } from './warm/reports.js'

/**
 * Opens a cache folder. Touches nothing: the folder is made by the first method that writes.
 * @throws HearthError OPTION_INVALID
 */
export async function openCache(options: CacheOptions = {}): Promise<Cache> {
  const host = readHost()
  return new FolderCache(resolveOptions(options, host), host)
}

class FolderCache implements Cache {
  readonly path: string
  readonly #options: ResolvedOptions
  readonly #host: Host
  readonly #index: FsIndexFile
  readonly #blobs: FsBlobStore
  readonly #transport = new Lazy<TransportOptions>(() => this.#readTransport())
  readonly #registry = new Lazy<Registry>(() => this.#openRegistry())
  readonly #pool = new Lazy<Pool>(() => this.#openPool())
  readonly #warming = new Lazy<Warming>(() => this.#openWarming())
  readonly #log = new Lazy<EventLog>(() => this.#openLog())
  readonly #calls = new Calls()
  #closed: Promise<void> | undefined

  constructor(options: ResolvedOptions, host: Host) {
    this.path = absolutePath(options.path)
    this.#options = options
    this.#host = host
    this.#index = new FsIndexFile({ root: this.path, lockTimeoutMs: options.lockTimeoutMs })
    this.#blobs = new FsBlobStore(this.path)
  }

  pull(references: string | readonly string[], options: PullOptions = {}): Promise<PullReport> {
    const names = typeof references === 'string' ? [references] : references
    return this.#calls.run(options, (linked) => this.#pull(names, linked))
  }

  async #pull(references: readonly (string | PullTarget)[], options: WarmOptions): Promise<PullReport> {
    const { parseWanted } = await import('./pull/platforms.js')
    const { pull } = await import('./pull/pull.js')
    const { Recorder } = await import('./pull/recorder.js')
    const { FsDiskSpace } = await import('./blobs/fs-disk-space.js')
    const { FsClaims } = await import('./blobs/fs-claim.js')
    const { FsLeases } = await import('./blobs/fs-lease.js')
    const { readBootId } = await import('./blobs/fs-boot-id.js')
    const { platforms = [], pull: policy = 'missing', failFast = false, onProgress = () => {}, signal } = options
    const wanted = parseWanted(platforms, this.#host)
    const log = await this.#log.get()
    const [pool, registry, boot] = await Promise.all([this.#pool.get(), this.#registry.get(), readBootId()])
    const [claims, disk, leases] = [new FsClaims(this.path), new FsDiskSpace(this.path), new FsLeases(this.path)]
    const { durability } = this.#options
    const parts = { log, blobs: this.#blobs, boot, materialise: this.#materialise }
    const recorder = new Recorder({ ...parts, durability, now: () => performance.now() })
    try {
      const strict = platforms.length > 0
      return await pull(
        { references, wanted, strict, policy, failFast, onProgress, ...(signal && { signal }) },
        { ...parts, pool, registry, leases, recorder, claims, disk, options: this.#options },
      )
    } finally {
      await leases.release()
    }
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

  async list(_: SignalOptions = {}): Promise<readonly ListedReference[]> {
    const { listReferences } = await import('./inventory/list.js')
    return await listReferences(this.#index)
  }

  async inspect(reference: string, { signal }: InspectOptions = {}): Promise<Inspection> {
    const { inspectImage } = await import('./inventory/inspect.js')
    const { findReference } = await import('./inventory/find-reference.js')
    const { parseIndexFile } = await import('./materialise/image-index.js')
    const bytes = await this.#index.read()
    const entries = bytes === undefined ? [] : parseIndexFile(bytes)
    const roots = new Map(entries.map((entry) => [entry.reference, entry.descriptor]))
    const name = findReference(reference, new Map([...roots].map(([key, { digest }]) => [key, digest])))
    const root = roots.get(name)
    if (root === undefined)
      throw new HearthError('REFERENCE_UNKNOWN', `${reference} is not in the cache`, { reference })
    return await inspectImage(name, root, { blobs: this.#blobs, ...(signal && { signal }) })
  }

  remove(references: readonly string[], options: RemoveOptions = {}): Promise<RemoveReport> {
    return this.#calls.run(options, async (linked) => {
      const { nothingRemoved, removeReferences } = await import('./inventory/remove.js')
      if (!(await this.#isThere())) return nothingRemoved(references)
      return await this.#removing(linked, (deps) => removeReferences(references, deps, linked))
    })
  }

  clean(options: RemoveOptions = {}): Promise<RemoveReport> {
    return this.#calls.run(options, async (linked) => {
      const { clean, nothingRemoved } = await import('./inventory/remove.js')
      if (!(await this.#isThere())) return nothingRemoved([])
      // First, because on a full disk the log needs the room. Nothing of it is published, so nobody can be asked about it.
      const abandoned = linked.publishedOnly ? 0 : await this.#removeAbandonedIngests()
      const report = await this.#removing(linked, (deps) => clean(deps, linked))
      return { ...report, freedBytes: report.freedBytes + abandoned }
    })
  }

  async *history({ after = 0, signal }: HistoryOptions = {}): AsyncIterable<Recorded> {
    this.#calls.refuseStopped()
    if (!(await this.#isInitialised())) return
    const log = await this.#openLogAsItIs()
    try {
      yield* log.read(after, signal && { signal })
    } finally {
      await log.close()
    }
  }

  verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    return this.#calls.run(options, (linked) => this.#verify(linked))
  }

  async #verify(options: VerifyOptions): Promise<VerifyReport> {
    const { verifyCache } = await import('./inventory/verify.js')
    if (!(await this.#isThere())) {
      throw new HearthError('CACHE_MISSING', `there is no cache in ${this.path}`, { path: this.path })
    }
    const pool = await this.#pool.get()
    const log = (await this.#isInitialised()) ? await this.#openLogAsItIs() : undefined
    const jobs = this.#host.parallelism
    try {
      return await verifyCache({ blobs: this.#blobs, indexFile: this.#index, pool, jobs, ...(log && { log }) }, options)
    } finally {
      await log?.close()
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    const endPool = () => this.#pool.close((pool) => pool.close())
    // Together: a call waits for its tasks, and the pool ends a task that takes too long.
    await Promise.all([this.#calls.stop(), endPool()])
    // One that a call has made meanwhile.
    await endPool()
    await this.#registry.close((registry) => registry.close())
    await this.#log.close((log) => log.close())
  }

  /** Step 8, for whoever holds the log. */
  readonly #materialise = async (held: HeldLog): Promise<unknown> => {
    const { materialise } = await import('./materialise/materialise.js')
    return await materialise(held, this.#index)
  }

  async #removing<T>(options: RemoveOptions, run: (deps: RemovalDeps) => Promise<T>): Promise<T> {
    const { FsLeases } = await import('./blobs/fs-lease.js')
    const log = await this.#log.get()
    const deps = { log, blobs: this.#blobs, materialise: this.#materialise, now: () => Date.now() }
    const leases = new FsLeases(this.path)
    try {
      return await run({ ...deps, leases, ...(options.publishedOnly && { registry: await this.#registry.get() }) })
    } finally {
      await leases.release()
    }
  }

  async #removeAbandonedIngests(): Promise<number> {
    if (!(await this.#isInitialised())) return 0
    const { removeAbandonedIngests } = await import('./blobs/fs-abandoned-ingests.js')
    return await removeAbandonedIngests(this.path, Date.now())
  }

  /** Whether there is a cache, ours or another tool's: looking at a mistyped path must not make one. */
  async #isThere(): Promise<boolean> {
    return (await this.#isInitialised()) || (await this.#index.read()) !== undefined
  }

  async #isInitialised(): Promise<boolean> {
    const { readFormat } = await import('./materialise/fs-init.js')
    return (await readFormat(this.path)) !== undefined
  }

  async #openLog(): Promise<EventLog> {
    const { openLog } = await import('./cache/open-log.js')
    const { path } = this
    return await openLog({ path, options: this.#options, blobs: this.#blobs, materialise: this.#materialise })
  }

  async #openLogAsItIs(): Promise<EventLog> {
    const { openLogAsItIs } = await import('./cache/open-log.js')
    return await openLogAsItIs(this.path, this.#options)
  }

  async #readTransport(): Promise<TransportOptions> {
    const { readTransport } = await import('./registry/fs-transport.js')
    return await readTransport({ ...this.#options, connectionsPerHost: this.#options.jobs })
  }

  async #wire(): Promise<WireParts> {
    return { options: this.#options, host: this.#host, transport: await this.#transport.get() }
  }

  async #openRegistry(): Promise<Registry> {
    const { openRegistry } = await import('./cache/open-wire.js')
    return await openRegistry(await this.#wire())
  }

  async #openPool(): Promise<Pool> {
    const { openPool } = await import('./cache/open-wire.js')
    return await openPool(await this.#wire())
  }

  async #openWarming(): Promise<Warming> {
    const { Warming } = await import('./cache/warming.js')
    return new Warming({
      options: this.#options,
      host: this.#host,
      index: this.#index,
      blobs: this.#blobs,
      registry: () => this.#registry.get(),
      pull: (targets, options) => this.#pull(targets, options),
    })
  }
}
