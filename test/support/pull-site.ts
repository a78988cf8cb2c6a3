import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { Cache } from '../../src/api.js'
import { openCache } from '../../src/cache.js'
import type { PullOptions } from '../../src/call-options.js'
import type { Descriptor } from '../../src/oci/descriptor.js'
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST } from '../../src/oci/media-type.js'
import type { PulledImage } from '../../src/pull/report.js'
import type { BlobCollector } from './blob-collector.js'
import { type RawRegistry, startRawRegistry } from './raw-registry.js'
import { tempDir } from './temp-dir.js'

/** A cache on disk beside a registry that also takes uploads. */
export class PullSite {
  private constructor(
    readonly registry: RawRegistry,
    readonly cache: Cache,
    readonly folder: string,
  ) {}

  static async open(): Promise<PullSite> {
    const folder = join(await tempDir(), 'cache')
    const cache = await openCache({ path: folder, env: {}, retry: { retries: 0 } })
    return new PullSite(await startRawRegistry({ uploads: {} }), cache, folder)
  }

  serve(collector: BlobCollector, root: Descriptor): string {
    return this.registry.add({ root, ...collector.collected(), platforms: new Map() }, 'app', 'v1')
  }

  /** Pulls, and checks all that the cache says of itself; a second pull must find everything there. */
  async pulled(reference: string, options: PullOptions = {}): Promise<PulledImage> {
    const [result] = (await this.cache.pull(reference, options)).results
    assert.ok(result?.ok, JSON.stringify(result))
    assert.deepEqual((await this.cache.verify()).problems, [])
    const [again] = (await this.cache.pull(reference, { ...options, pull: 'never' })).results
    assert.ok(again?.ok, JSON.stringify(again))
    assert.deepEqual(again.platforms, result.platforms)
    return result
  }

  /** @returns the code of the failure. */
  async refused(reference: string, options: PullOptions = {}): Promise<string> {
    const [result] = (await this.cache.pull(reference, options)).results
    assert.ok(result?.ok === false, JSON.stringify(result))
    return result.failure.code
  }

  async close(): Promise<void> {
    await this.cache.close()
    await this.registry.close()
  }
}

/** A plain image whose config begins with these members. */
export async function anImageOf(config: object, collector: BlobCollector): Promise<Descriptor> {
  const layer = await collector.add(Buffer.from(`layer of ${JSON.stringify(config)}`), OCI_LAYER)
  const rootfs = { type: 'layers', diff_ids: [layer.digest] }
  return await collector.addManifest({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: await collector.add(Buffer.from(JSON.stringify({ ...config, rootfs })), OCI_CONFIG),
    layers: [layer],
  })
}

export function anIndexOf(manifests: readonly Descriptor[], collector: BlobCollector): Promise<Descriptor> {
  return collector.addManifest({ schemaVersion: 2, mediaType: OCI_INDEX, manifests })
}
