import type { BlobStore, Leases } from '../../src/blobs/blob-store.js'
import { MemoryBlobStore } from '../../src/blobs/memory-blob-store.js'
import { MemoryLeases } from '../../src/blobs/memory-leases.js'
import type { FinishDeps } from '../../src/inventory/finish-removals.js'
import { MemoryUses } from '../../src/inventory/memory-uses.js'
import type { RemovalDeps } from '../../src/inventory/remove.js'
import type { HearthEvent, ReferenceSet } from '../../src/log/events.js'
import { MemoryEventLog } from '../../src/log/memory-event-log.js'
import { materialise } from '../../src/materialise/materialise.js'
import { MemoryIndexFile } from '../../src/materialise/memory-index-file.js'
import type { Digest } from '../../src/oci/digest.js'
import { REF_NAME } from '../../src/oci/image-layout.js'
import { anImage, type BuiltImage, digestsOf } from '../support/an-image.js'

/** Later than anything a test writes by less than a minute, unless it says otherwise. */
export const NOW = 1_000

export interface StoreOptions {
  /** Only these platforms' blobs, as a pull would. Default: all. */
  readonly platforms?: readonly string[]
  /** Puts blobs and the reference there as another tool would: the log knows the name alone. */
  readonly adopted?: boolean
}

/** A whole cache in memory: log, blobs, leases and index.json, put together as production does. */
export class ACache {
  readonly log = new MemoryEventLog({
    stamp: () => ({ id: globalThis.crypto.randomUUID(), at: new Date(0).toISOString() }),
  })
  readonly blobs: BlobStore
  readonly leases: Leases = new MemoryLeases()
  readonly indexFile = new MemoryIndexFile()
  readonly uses = new MemoryUses(() => NOW)

  constructor(blobs: BlobStore = new MemoryBlobStore()) {
    this.blobs = blobs
  }

  get deps(): RemovalDeps & FinishDeps {
    const { log, blobs, leases, uses, indexFile } = this
    return { log, blobs, leases, uses, materialise: (held) => materialise(held, indexFile), now: () => NOW }
  }

  /** Commits an image's blobs and records its name, all in the order of a pull. */
  async store(reference: string, image: BuiltImage, options: StoreOptions = {}): Promise<void> {
    const platforms = options.platforms ?? [...image.platforms.keys()]
    const wanted = options.platforms === undefined ? [...image.blobs.keys()] : [...digestsOf(image, platforms)]
    const events: HearthEvent[] = []
    for (const digest of wanted) {
      const bytes = image.blobs.get(digest)
      if (bytes === undefined) throw new TypeError(`the image has no ${digest} in memory`)
      const [committed] = await this.blobs.commit([await this.blobs.stage(digest, bytes)])
      if (committed === undefined) throw new TypeError('a commit names what it committed')
      events.push({ type: 'BlobCommitted', ...committed, durable: true, boot: 'boot' })
    }
    const origin = options.adopted ? 'adopted' : 'pulled'
    const set: ReferenceSet = { type: 'ReferenceSet', reference, descriptor: image.root, platforms, origin }
    await this.record(...(options.adopted ? [{ ...set, platforms: [] }] : [...events, set]))
  }

  /** Puts an image's blobs, then its entry in index.json, as a tool does that knows nothing of hearth. */
  async writeAsOtherTool(name: string, image: BuiltImage): Promise<void> {
    for (const [digest, bytes] of image.blobs) await this.blobs.commit([await this.blobs.stage(digest, bytes)])
    const index = JSON.parse(new TextDecoder().decode(this.indexFile.bytes ?? Buffer.from('{"manifests":[]}')))
    index.manifests.push({ ...image.root, annotations: { [REF_NAME]: name } })
    this.indexFile.bytes = Buffer.from(JSON.stringify(index))
  }

  /** Drops a name from index.json, as such a tool does. */
  removeAsOtherTool(name: string): void {
    const index = JSON.parse(new TextDecoder().decode(this.indexFile.bytes))
    const isOther = (entry: { annotations: Record<string, string> }) => entry.annotations[REF_NAME] !== name
    this.indexFile.bytes = Buffer.from(JSON.stringify({ ...index, manifests: index.manifests.filter(isOther) }))
  }

  async record(...events: readonly HearthEvent[]): Promise<void> {
    await this.log.hold((held) => held.append(events))
  }

  /** Brings index.json up to the log, as the end of a pull does. */
  async materialise(): Promise<void> {
    await this.log.hold((held) => materialise(held, this.indexFile))
  }

  /** What lies under blobs/, in order. */
  async stored(): Promise<Digest[]> {
    const digests: Digest[] = []
    for await (const { digest } of this.blobs.list()) if (digest !== undefined) digests.push(digest)
    return digests.sort()
  }

  get references(): string[] {
    return [...this.log.state.references.keys()].sort()
  }
}

/** Digests of several images, each once, in order. */
export function digestsIn(...images: readonly BuiltImage[]): Digest[] {
  return [...new Set(images.flatMap((image) => [...image.blobs.keys()]))].sort()
}

export const APP = 'docker.io/library/app:1'
export const WEB = 'docker.io/library/web:1'

/** Two images with one layer in common, and one layer each of their own. */
export async function twoImages(): Promise<[BuiltImage, BuiltImage]> {
  const shared = { seed: 'shared', everyPlatform: true }
  return [
    await anImage({ seed: 'app', layers: [shared, { seed: 'app layer' }] }),
    await anImage({ seed: 'web', layers: [shared, { seed: 'web layer' }] }),
  ]
}

export async function twoStored(cache = new ACache()): Promise<{ cache: ACache; app: BuiltImage; web: BuiltImage }> {
  const [app, web] = await twoImages()
  await cache.store(APP, app)
  await cache.store(WEB, web)
  return { cache, app, web }
}
