import assert from 'node:assert/strict'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { OCI_CONFIG, OCI_LAYER, OCI_MANIFEST } from '../../src/oci/media-type.js'
import { BlobCollector } from '../support/blob-collector.js'
import { anImageOf, anIndexOf, PullSite } from '../support/pull-site.js'
import { tempDir } from '../support/temp-dir.js'

/** What configs of the field say, and fail to say, of their platforms. */
describe('pulling an unusual', () => {
  let site: PullSite

  beforeEach(async () => {
    site = await PullSite.open()
  })
  afterEach(() => site.close())

  describe('config', () => {
    const CONFIGS: readonly string[] = ['', 'junk', '{"os":5}', '{"os":"linux","OS":"linux"}', '{"os":"a","os":"b"}']
    const serveWith = async (text: string) => {
      const collector = new BlobCollector('sha256')
      const layer = await collector.add(Buffer.from('layer'), OCI_LAYER)
      const config = await collector.add(Buffer.from(text), OCI_CONFIG)
      const manifest = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [layer] }
      return { name: site.serve(collector, await collector.addManifest(manifest)), layer }
    }

    for (const text of CONFIGS) {
      it(`leaves the platform unknown: ${JSON.stringify(text)}`, async () => {
        const { name } = await serveWith(text)
        assert.deepEqual((await site.pulled(name)).platforms, [])
        const copied = await site.cache.copy(name, { to: join(await tempDir(), 'other') })
        assert.equal(copied.ok, true)
      })

      it(`is refused before the layers when a platform is asked for: ${JSON.stringify(text)}`, async () => {
        const { name, layer } = await serveWith(text)
        assert.equal(await site.refused(name, { platforms: ['linux/amd64'] }), 'MANIFEST_INVALID')
        assert.equal(site.registry.blobRequests().has(layer.digest), false)
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
      const name = site.serve(collector, await anIndexOf(children, collector))
      const chosen = await site.pulled(name, { platforms: ['linux/amd64:Ubuntu 22.04'] })
      assert.deepEqual(chosen.platforms, NAMES.slice(1))
      assert.deepEqual((await site.pulled(name, { platforms: NAMES.slice(0, 1) })).platforms, NAMES)
      assert.deepEqual((await site.cache.list())[0]?.platforms, NAMES)
    })

    it('is no matter in a config', async () => {
      const collector = new BlobCollector('sha256')
      const name = site.serve(collector, await anImageOf(ubuntu, collector))
      assert.deepEqual((await site.pulled(name, { platforms: ['linux/amd64'] })).platforms, NAMES.slice(1))
    })
  })
})
