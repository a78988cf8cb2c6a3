/**
 * What the methods of a cache are made of. Each part brings its libraries when it is first needed, so that `list` and
 * `inspect` cost no more than reading files: undici, RxJS, Piscina and LevelDB take 30 to 180 ms each to load.
 */
import { FsBlobStore } from '../blobs/fs-blob-store.js'
import { absolutePath, type Host } from '../host/os-host.js'
import type { Uses } from '../inventory/uses.js'
import { Lazy } from '../lazy.js'
import type { EventLog, HeldLog } from '../log/event-log.js'
import type { FlushDeps } from '../log/flush-blobs.js'
import { FsIndexFile } from '../materialise/fs-index-file.js'
import type { ResolvedOptions } from '../options.js'
import type { Pool } from '../pool/pool.js'
import type { Flusher } from '../pull/flusher.js'
import type { Registry, RegistryReader } from '../registry/registry.js'
import type { TransportOptions } from '../transport.js'
import type { WireParts } from './open-wire.js'

/** Bringing blobs to the disk that nobody waits for (`relaxed`) keeps a process no longer than this. */
const FLUSH_WITHIN_MS = 1000

/** One cache folder, taken apart. Owns its threads, connections and log until {@link close}. */
export class CacheParts {
  /** Absolute path of the folder. */
  readonly path: string
  readonly options: ResolvedOptions
  readonly host: Host
  readonly index: FsIndexFile
  readonly blobs: FsBlobStore
  readonly #transport = new Lazy<TransportOptions>(() => this.#readTransport())
  readonly #registry = new Lazy<Registry>(() => this.#openRegistry())
  readonly #pool = new Lazy<Pool>(() => this.#openPool())
  readonly #log = new Lazy<EventLog>(() => this.#openLog())
  readonly #boot = new Lazy<string>(() => this.#readBoot())
  readonly #flusher = new Lazy<Flusher>(() => this.#openFlusher())

  constructor(options: ResolvedOptions, host: Host) {
    this.path = absolutePath(options.path)
    this.options = options
    this.host = host
    const { lockTimeoutMs, onWait } = options
    this.index = new FsIndexFile({ root: this.path, lockTimeoutMs, onWait: () => onWait({ for: 'index.json' }) })
    this.blobs = new FsBlobStore(this.path)
  }

  registry(): Promise<Registry> {
    return this.#registry.get()
  }

  /**
   * For asking alone: made by the first question, as long as nothing stands in the options that could be wrong.
   * @throws HearthError OPTION_INVALID for certificates that cannot be used, and mirrors that are none.
   */
  async registryReader(): Promise<RegistryReader> {
    const { caFiles, certFile, mirrors } = this.options
    if (caFiles.length > 0 || certFile !== undefined || mirrors.length > 0) return await this.registry()
    const { DeferredRegistry } = await import('../registry/deferred-registry.js')
    return new DeferredRegistry(() => this.registry())
  }

  pool(): Promise<Pool> {
    return this.#pool.get()
  }

  /** For writing: makes the folder a cache if it is none, and finishes what a crash interrupted. */
  log(): Promise<EventLog> {
    return this.#log.get()
  }

  /** Identity of this boot of the machine. */
  boot(): Promise<string> {
    return this.#boot.get()
  }

  /** When references were used last; touching them never fails. */
  async uses(): Promise<Uses> {
    const { FsUses } = await import('../inventory/fs-uses.js')
    return new FsUses(this.path)
  }

  /** Gives what was kept in store to a full disk: whatever frees space begins by writing to the log. */
  async makeRoom(): Promise<void> {
    const { useReserve } = await import('../log/fs-reserve.js')
    await useReserve(this.path)
  }

  /** Brings to the disk what was committed without waiting for it. */
  flusher(): Promise<Flusher> {
    return this.#flusher.get()
  }

  /** For looking only; whoever opens it closes it. @throws HearthError CACHE_MISSING where hearth has never written. */
  async logAsItIs(): Promise<EventLog> {
    const { openLogToRead } = await import('./open-log.js')
    return await openLogToRead(this.path, this.options)
  }

  /** Step 8, for whoever holds the log. */
  readonly materialise = async (held: HeldLog): Promise<unknown> => {
    const { materialise } = await import('../materialise/materialise.js')
    return await materialise(held, this.index)
  }

  /** Whether `.hearth/` is somebody else's alone: then index.json and the blobs are all that can be read. */
  async isClosedToUs(): Promise<boolean> {
    const { logAccess } = await import('../log/fs-access.js')
    return (await logAccess(this.path)) === 'none'
  }

  /** Whether there is a cache, ours or another tool's: looking at a mistyped path must not make one. */
  async isThere(): Promise<boolean> {
    return (await this.isInitialised()) || (await this.index.read()) !== undefined
  }

  /** Whether hearth has ever written here. */
  async isInitialised(): Promise<boolean> {
    const { isInitialised } = await import('../materialise/fs-init.js')
    return await isInitialised(this.path)
  }

  /** The same, where a damaged format.json does not matter. */
  async wasInitialised(): Promise<boolean> {
    const { wasInitialised } = await import('../materialise/fs-init.js')
    return await wasInitialised(this.path)
  }

  /** Ends the threads, and the tasks that take too long to end by themselves. Whoever asks later gets new ones. */
  async closePool(): Promise<void> {
    await this.#pool.close((pool) => pool.close())
  }

  async close(): Promise<void> {
    await this.closePool()
    await this.#registry.close((registry) => registry.close())
    await this.#flusher.close((flusher) => flusher.end(AbortSignal.timeout(FLUSH_WITHIN_MS)))
    await this.#log.close((log) => log.close())
  }

  async #openLog(): Promise<EventLog> {
    const { openLog } = await import('./open-log.js')
    return await openLog(this)
  }

  async #readBoot(): Promise<string> {
    const { readBootId } = await import('../blobs/fs-boot-id.js')
    return await readBootId()
  }

  async #openFlusher(): Promise<Flusher> {
    const { Flusher } = await import('../pull/flusher.js')
    const [log, boot] = await Promise.all([this.log(), this.boot()])
    const flush: FlushDeps['flush'] = (digests, options) => this.blobs.flush(digests, options)
    return new Flusher({ log, boot, flush, now: () => performance.now() })
  }

  async #readTransport(): Promise<TransportOptions> {
    const { readTransport } = await import('../registry/fs-transport.js')
    // It goes to the threads, and functions cannot.
    const { onWait: _, ...options } = this.options
    return await readTransport({ ...options, connectionsPerHost: options.jobs })
  }

  async #wire(): Promise<WireParts> {
    return { options: this.options, host: this.host, transport: await this.#transport.get() }
  }

  async #openRegistry(): Promise<Registry> {
    const { openRegistry } = await import('./open-wire.js')
    return await openRegistry(await this.#wire())
  }

  async #openPool(): Promise<Pool> {
    const { openPool } = await import('./open-wire.js')
    return await openPool(await this.#wire())
  }
}
