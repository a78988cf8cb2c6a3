import assert from 'node:assert/strict'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { Cache } from '../../src/api.js'
import { openCache } from '../../src/cache.js'
import type { PullOptions } from '../../src/call-options.js'
import type { Descriptor } from '../../src/oci/descriptor.js'
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST } from '../../src/oci/media-type.js'
import type { PulledImage } from '../../src/pull/report.js'
import { BlobCollector } from '../support/blob-collector.js'
import { type RawRegistry, startRawRegistry } from '../support/raw-registry.js'
import { tempDir } from '../support/temp-dir.js'

/** Indexes and configs as tools of the field write them, beside the usual ones. */
describe('pulling an unusual', () => {
  let registry: RawRegistry
  let cache: Cache

  beforeEach(async () => {
    registry = await startRawRegistry()
    cache = await openCache({ path: join(await tempDir(), 'cache'), env: {}, retry: { retries: 0 } })
  })
  afterEach(async () => {
    await cache.close()
    await registry.close()
  })

  /** Pulls, and checks all that the cache says of itself; a second pull must find everything there. */
  async function pulled(reference: string, options: PullOptions = {}): Promise<PulledImage> {
    const [result] = (await cache.pull(reference, options)).results
    assert.ok(result?.ok, JSON.stringify(result))
    assert.deepEqual((await cache.verify()).problems, [])
    const [again] = (await cache.pull(reference, { ...options, pull: 'never' })).results
    assert.ok(again?.ok, JSON.stringify(again))
    assert.deepEqual(again.platforms, result.platforms)
    return result
  }
  async function refused(reference: string, options: PullOptions = {}): Promise<string> {
    const [result] = (await cache.pull(reference, options)).results
    assert.ok(result?.ok === false, JSON.stringify(result))
    return result.failure.code
  }
  const serve = (collector: BlobCollector, root: Descriptor): string =>
    registry.add({ root, ...collector.collected(), platforms: new Map() }, 'app', 'v1')

  /** A plain image whose config begins with these members. */
  async function anImageOf(config: object, collector: BlobCollector): Promise<Descriptor> {
    const layer = await collector.add(Buffer.from(`layer of ${JSON.stringify(config)}`), OCI_LAYER)
    const rootfs = { type: 'layers', diff_ids: [layer.digest] }
    return await collector.addManifest({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: await collector.add(Buffer.from(JSON.stringify({ ...config, rootfs })), OCI_CONFIG),
      layers: [layer],
    })
  }
  const anIndex = (manifests: readonly Descriptor[], collector: BlobCollector): Promise<Descriptor> =>
    collector.addManifest({ schemaVersion: 2, mediaType: OCI_INDEX, manifests })

  describe('config', () => {
    const CONFIGS: readonly string[] = ['', 'junk', '{"os":5}', '{"os":"linux","OS":"linux"}', '{"os":"a","os":"b"}']
    const serveWith = async (text: string) => {
      const collector = new BlobCollector('sha256')
      const layer = await collector.add(Buffer.from('layer'), OCI_LAYER)
      const config = await collector.add(Buffer.from(text), OCI_CONFIG)
      const manifest = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [layer] }
      return { name: serve(collector, await collector.addManifest(manifest)), layer }
    }

    for (const text of CONFIGS) {
      it(`leaves the platform unknown: ${JSON.stringify(text)}`, async () => {
        const { name } = await serveWith(text)
        assert.deepEqual((await pulled(name)).platforms, [])
        const copied = await cache.copy(name, { to: join(await tempDir(), 'other') })
        assert.equal(copied.ok, true)
      })

      it(`is refused before the layers when a platform is asked for: ${JSON.stringify(text)}`, async () => {
        const { name, layer } = await serveWith(text)
        assert.equal(await refused(name, { platforms: ['linux/amd64'] }), 'MANIFEST_INVALID')
        assert.equal(registry.blobRequests().has(layer.digest), false)
      })
    }
  })

  describe('version of an operating system', () => {
    const macos = { os: 'darwin', architecture: 'arm64', 'os.version': 'macOS 15.7' }
    const ubuntu = { os: 'linux', architecture: 'amd64', 'os.version': 'Ubuntu 22.04.5' }
    const NAMES = ['darwin/arm64/v8:macOS%2015.7', 'linux/amd64:Ubuntu%2022.04.5']

    it('is no matter in an index: as Homebrew writes them', async () => {
      const collector = new BlobCollector('sha256')
      const children = [
        { ...(await anImageOf(macos, collector)), platform: macos },
        { ...(await anImageOf(ubuntu, collector)), platform: ubuntu },
      ]
      const name = serve(collector, await anIndex(children, collector))
      const chosen = await pulled(name, { platforms: ['linux/amd64:Ubuntu 22.04'] })
      assert.deepEqual(chosen.platforms, NAMES.slice(1))
      assert.deepEqual((await pulled(name, { platforms: NAMES.slice(0, 1) })).platforms, NAMES)
      assert.deepEqual((await cache.list())[0]?.platforms, NAMES)
    })

    it('is no matter in a config', async () => {
      const collector = new BlobCollector('sha256')
      const name = serve(collector, await anImageOf(ubuntu, collector))
      assert.deepEqual((await pulled(name, { platforms: ['linux/amd64'] })).platforms, NAMES.slice(1))
    })
  })
})
