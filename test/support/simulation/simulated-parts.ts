import type { BlobStat, CommittedBlob, ReadyIngest } from '../../../src/blobs/blob-store.js'
import { MemoryBlobStore } from '../../../src/blobs/memory-blob-store.js'
import { HearthError } from '../../../src/errors.js'
import type { BlobRecord, EventLog, HeldLog, ReferenceRecord } from '../../../src/log/event-log.js'
import { EMPTY_HEAD, type HearthEvent } from '../../../src/log/events.js'
import type { BlobSource } from '../../../src/oci/blob-source.js'
import type { Descriptor } from '../../../src/oci/descriptor.js'
import type { Digest } from '../../../src/oci/digest.js'
import { formatReference, type Reference } from '../../../src/oci/reference.js'
import type { Pool, PoolCallOptions } from '../../../src/pool/pool.js'
import type { FetchBlobTask, FetchBlobValue, VerifyBlobValue } from '../../../src/pool/tasks.js'
import { MemoryRegistry } from '../../../src/registry/memory-registry.js'
import type { CallOptions, FetchedManifest, Registry } from '../../../src/registry/registry.js'
import type { Catalogue } from './catalogue.js'
import type { SimulatedHost } from './simulated-host.js'

/** The registries of a catalogue, each at its host. */
export class SimulatedRegistry implements Registry {
  /** Nothing is pushed. */
  readonly uploads = new MemoryRegistry().uploads
  readonly #catalogue: Catalogue
  readonly #hosts: ReadonlyMap<string, SimulatedHost>

  constructor(catalogue: Catalogue, hosts: ReadonlyMap<string, SimulatedHost>) {
    this.#catalogue = catalogue
    this.#hosts = hosts
  }

  async resolve(reference: Reference, options: CallOptions = {}): Promise<Descriptor> {
    return (await this.manifest(reference, options)).descriptor
  }

  async manifest(
    reference: Reference,
    { digest, signal }: CallOptions & { readonly digest?: Digest } = {},
  ): Promise<FetchedManifest> {
    await this.#hosts.get(reference.registry)?.ask(0, signal)
    const { manifests, roots } = this.#catalogue
    const found = digest === undefined ? roots.get(formatReference(reference)) : manifests.get(digest)
    if (found === undefined) throw new HearthError('MANIFEST_UNKNOWN', 'no such manifest')
    return found
  }

  async tags(): Promise<readonly string[]> {
    return []
  }

  async referrers(): Promise<readonly Descriptor[]> {
    return []
  }

  async blobSources({ registry }: Reference, digest: Digest): Promise<readonly BlobSource[]> {
    return [{ url: `simulated://${registry}/${digest}`, headers: {}, host: registry }]
  }

  async reauthorize(source: BlobSource): Promise<BlobSource> {
    return source
  }

  async close(): Promise<void> {}
}

/** Moves bytes of which only the number is known. */
export class SimulatedPool implements Pool {
  /** How often each blob came over the network as a whole. */
  readonly fetched = new Map<Digest, number>()
  readonly #hosts: ReadonlyMap<string, SimulatedHost>
  readonly #blobs: SimulatedBlobs

  constructor(hosts: ReadonlyMap<string, SimulatedHost>, blobs: SimulatedBlobs) {
    this.#hosts = hosts
    this.#blobs = blobs
  }

  async fetchBlob(
    { digest, size, source }: Omit<FetchBlobTask, 'control'>,
    { signal }: PoolCallOptions = {},
  ): Promise<FetchBlobValue> {
    await this.#hosts.get(source.host)?.ask(size, signal)
    this.fetched.set(digest, (this.fetched.get(digest) ?? 0) + 1)
    this.#blobs.receive(digest, size)
    return { received: size, resumed: 0, restarted: false }
  }

  async verifyBlob(): Promise<VerifyBlobValue> {
    throw new TypeError('nothing is ever in doubt here')
  }

  async close(): Promise<void> {}
}

/** A store in memory that knows of layers only how large they are. */
export class SimulatedBlobs extends MemoryBlobStore {
  readonly #received = new Map<Digest, number>()
  readonly #committed = new Map<Digest, number>()

  receive(digest: Digest, size: number): void {
    this.#received.set(digest, size)
  }

  override async stat(digest: Digest): Promise<BlobStat | undefined> {
    const size = this.#committed.get(digest)
    return size === undefined ? super.stat(digest) : { size, mtimeMs: 0 }
  }

  override async commit(ingests: readonly ReadyIngest[]): Promise<readonly CommittedBlob[]> {
    const staged: ReadyIngest[] = []
    const committed: CommittedBlob[] = []
    for (const ingest of ingests) {
      const { digest, size } = ingest
      if (!this.#received.delete(digest)) staged.push(ingest)
      else {
        this.#committed.set(digest, size)
        committed.push({ digest, size, mtimeMs: 0 })
      }
    }
    return [...committed, ...(await super.commit(staged))]
  }
}

/** What a log amounts to, without its records: those of thousands of images would take longer than all the rest. */
export class SimulatedLog implements EventLog {
  readonly #blobs = new Map<Digest, BlobRecord>()
  readonly #references = new Map<string, ReferenceRecord>()
  #last: Promise<unknown> = Promise.resolve()

  hold<T>(work: (log: HeldLog) => Promise<T>): Promise<T> {
    const held = this.#last.then(() => work(this.#held))
    this.#last = held.catch(() => undefined)
    return held
  }

  async append(): Promise<readonly []> {
    throw new TypeError('a pull appends in a hold')
  }

  async *read(): AsyncGenerator<never> {}

  async changed(): Promise<never> {
    throw new TypeError('nobody follows this log')
  }

  async close(): Promise<void> {}

  readonly #held: HeldLog = {
    head: EMPTY_HEAD,
    append: async (events) => {
      for (const event of events) this.#apply(event)
      return []
    },
    blobs: async (digests) => new Map([...digests].flatMap((digest) => this.#blobRow(digest))),
    allBlobs: async () => this.#blobs,
    references: async () => this.#references,
    reference: async (name) => this.#references.get(name),
    pins: async () => new Map(),
    archives: async () => new Map(),
    unfinishedRemovals: async () => new Map(),
    flushes: async () => new Map(),
    read: () => this.read(),
  }

  #apply(event: HearthEvent): void {
    if (event.type === 'BlobCommitted') this.#blobs.set(event.digest, event)
    if (event.type === 'ReferenceSet') this.#references.set(event.reference, { ...event, position: 0, at: '' })
  }

  #blobRow(digest: Digest): [Digest, BlobRecord][] {
    const record = this.#blobs.get(digest)
    return record === undefined ? [] : [[digest, record]]
  }
}
