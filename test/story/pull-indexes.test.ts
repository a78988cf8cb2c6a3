import assert from 'node:assert/strict'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { Cache } from '../../src/api.js'
import { openCache } from '../../src/cache.js'
import type { PullOptions } from '../../src/call-options.js'
import type { Descriptor } from '../../src/oci/descriptor.js'
import { blobPath } from '../../src/oci/image-layout.js'
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST } from '../../src/oci/media-type.js'
import type { Platform } from '../../src/oci/platform.js'
import type { PulledImage } from '../../src/pull/report.js'
import { BlobCollector } from '../support/blob-collector.js'
import { type RawRegistry, startRawRegistry } from '../support/raw-registry.js'
import { tempDir } from '../support/temp-dir.js'

/** Indexes and configs as tools of the field write them, beside the usual ones. */
describe('pulling an unusual', () => {
  let registry: RawRegistry
  let folder: string
  let cache: Cache

  beforeEach(async () => {
    registry = await startRawRegistry({ uploads: {} })
    folder = join(await tempDir(), 'cache')
    cache = await openCache({ path: folder, env: {}, retry: { retries: 0 } })
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

  describe('child of an index', () => {
    const CACHE_CONFIG = 'application/vnd.buildkit.cacheconfig.v0'
    const wanted = { platforms: ['linux/amd64'] }
    /** What `docker buildx build --cache-to type=registry` writes, unless it is told to write manifests. */
    async function serveBuildCache() {
      const collector = new BlobCollector('sha256')
      const children = [
        await collector.add(Buffer.from('one'), OCI_LAYER),
        await collector.add(Buffer.from('two'), OCI_LAYER),
        await collector.add(Buffer.from('{"layers":[],"records":[]}'), CACHE_CONFIG),
      ]
      const root = await anIndex(children, collector)
      return { name: serve(collector, root), root, children, blobs: collector.collected().blobs }
    }
    const held = async (reference: string): Promise<readonly (readonly [string, boolean])[]> =>
      (await cache.inspect(reference)).root.children.map(({ kind, present }) => [kind, present])

    for (const options of [{}, wanted, { platforms: ['all'] }]) {
      it(`is fetched as a blob when it is one, with ${JSON.stringify(options)}`, async () => {
        const { name, children, root, blobs } = await serveBuildCache()
        const { platforms, size } = await pulled(name, options)
        assert.deepEqual([platforms, size], [[], [...blobs.values()].reduce((sum, { length }) => sum + length, 0)])
        assert.deepEqual([...registry.blobRequests().keys()].sort(), children.map(({ digest }) => digest).sort())
        assert.ok(
          registry.requestsFor({ kind: 'manifest' }).every(({ digest = root.digest }) => digest === root.digest),
        )
        assert.deepEqual(
          await held(name),
          children.map(() => ['blob', true]),
        )
      })
    }

    it('that is a blob stays as long as its index, and goes with it', async () => {
      const { name, blobs } = await serveBuildCache()
      await pulled(name)
      assert.equal((await cache.reclaim()).removedBlobs, 0)
      await pulled(name, { pull: 'never' })
      assert.equal((await cache.remove([name])).removedBlobs, blobs.size)
    })

    it('that is a blob is missed by verify, and fetched again as one', async () => {
      const { name, children } = await serveBuildCache()
      await pulled(name)
      await rm(join(folder, blobPath(children[0]?.digest ?? assert.fail())))
      const { problems } = await cache.verify()
      assert.equal(problems.find(({ kind }) => kind === 'reference')?.failure.code, 'BLOB_UNKNOWN')
      await cache.verify({ repair: true })
      await pulled(name, { pull: 'never' })
    })

    it('that is a blob goes along to another cache, into archives and to registries', async () => {
      const { name, blobs } = await serveBuildCache()
      await pulled(name)
      const elsewhere = await tempDir()
      assert.deepEqual((await cache.copy(name, { to: join(elsewhere, 'copy') })).blobs, blobs.size)
      const output = join(elsewhere, 'cache.tar')
      assert.equal((await cache.export(name, { output })).blobs, blobs.size)
      const [pushed] = (await cache.push(name, { remoteName: `${registry.host}/pushed/app:v1` })).results
      assert.ok(pushed?.ok, JSON.stringify(pushed))
      await cache.remove([name])
      const [imported] = (await cache.import(output)).results
      assert.ok(imported?.ok, JSON.stringify(imported))
      await pulled(name, { pull: 'never' })
      await pulled(`${registry.host}/pushed/app:v1`)
    })

    it('that is a blob is refused by an export and an import that lack it', async () => {
      const { name, children } = await serveBuildCache()
      await pulled(name)
      const output = join(await tempDir(), 'layout')
      await cache.export(name, { output, format: 'oci-dir' })
      const path = blobPath(children[0]?.digest ?? assert.fail())
      await cache.remove([name])
      await rm(join(output, path))
      const [imported] = (await cache.import(output)).results
      assert.equal(imported?.ok === false && imported.failure.code, 'BLOB_UNKNOWN')
      await pulled(name)
      await rm(join(folder, path))
      await assert.rejects(cache.export(name, { output: `${output}.tar` }), { code: 'BLOB_UNKNOWN' })
    })

    it('is asked for among the manifests when its type says so, though hearth does not know it', async () => {
      const collector = new BlobCollector('sha256')
      const mediaType = 'application/vnd.oci.artifact.manifest.v1+json'
      const artifact = await collector.addManifest({ mediaType, artifactType: 'application/x', blobs: [] })
      const name = serve(collector, await anIndex([artifact], collector))
      await pulled(name)
      assert.deepEqual(registry.blobRequests().size, 0)
      assert.deepEqual(await held(name), [['opaque', true]])
      const [pushed] = (await cache.push(name, { remoteName: `${registry.host}/pushed/app:v1` })).results
      assert.ok(pushed?.ok, JSON.stringify(pushed))
    })

    it('for no platform is left where it is when a platform is wanted, and no part of it is missed', async () => {
      const collector = new BlobCollector('sha256')
      const linux = { os: 'linux', architecture: 'amd64' }
      const notes = await collector.add(Buffer.from('<notes/>'), 'application/xml')
      const image = { ...(await anImageOf(linux, collector)), platform: linux }
      const name = serve(collector, await anIndex([image, notes], collector))
      await pulled(name, wanted)
      assert.deepEqual(await held(name), [
        ['manifest', true],
        ['blob', false],
      ])
      await cache.copy(name, { to: join(await tempDir(), 'copy') })
      await pulled(name, { platforms: ['all'] })
      assert.deepEqual(await held(name), [
        ['manifest', true],
        ['blob', true],
      ])
    })
  })

  describe('index that says of some children alone what they are for', () => {
    const [amd64, arm64] = ['amd64', 'arm64'].map((architecture) => ({ os: 'linux', architecture }))
    const attested = { os: 'unknown', architecture: 'unknown' }
    /** Images of which the index says nothing, beside an attestation of which it says that it is for no platform. */
    async function serveUnlabelled(...configs: readonly object[]) {
      const collector = new BlobCollector('sha256')
      const images: Descriptor[] = []
      for (const config of configs) images.push(await anImageOf(config, collector))
      const attestation = { ...(await anImageOf(attested, collector)), platform: attested }
      return { name: serve(collector, await anIndex([...images, attestation], collector)), images }
    }

    it('serves a platform by an image whose config says so', async () => {
      const { name, images } = await serveUnlabelled(amd64 ?? {})
      assert.deepEqual((await pulled(name, { platforms: ['linux/amd64'] })).platforms, ['linux/amd64'])
      const { root } = await cache.inspect(name)
      assert.deepEqual(
        root.children.map(({ present }) => present),
        [true, false],
      )
      await cache.export(name, { output: join(folder, '..', 'app.tar'), platform: 'linux/amd64' })
      await rm(join(folder, blobPath(images[0]?.digest ?? assert.fail())))
      assert.ok((await cache.verify()).problems.some(({ subject }) => subject === name))
      await cache.verify({ repair: true })
      await pulled(name, { platforms: ['linux/amd64'], pull: 'never' })
    })

    it('serves each platform by its image', async () => {
      const { name } = await serveUnlabelled(amd64 ?? {}, arm64 ?? {})
      const { platforms } = await pulled(name, { platforms: ['linux/arm64'] })
      assert.deepEqual(platforms, ['linux/arm64/v8'])
      const both = ['linux/amd64', 'linux/arm64/v8']
      assert.deepEqual((await pulled(name, { platforms: ['linux/amd64'] })).platforms, both)
      assert.deepEqual((await pulled(name, { platforms: ['all'] })).platforms, both)
      const { images } = await cache.copy(name, { to: join(await tempDir(), 'copy') })
      assert.deepEqual(images[0]?.platforms, both)
    })

    it('serves no platform by it that the index names for another', async () => {
      const collector = new BlobCollector('sha256')
      const [named, other] = [
        await anImageOf({ ...amd64, author: 'a' }, collector),
        await anImageOf({ ...amd64 }, collector),
      ]
      const name = serve(collector, await anIndex([{ ...named, platform: amd64 as Platform }, other], collector))
      assert.deepEqual((await pulled(name, { platforms: ['all'] })).platforms, ['linux/amd64'])
      const [entry] = JSON.parse(await readFile(join(folder, 'index.json'), 'utf8')).manifests.slice(1)
      assert.equal(entry.digest, named.digest)
    })

    it('is refused before any layer when the config says something else, or nothing', async () => {
      for (const config of [arm64 ?? {}, {}]) {
        const { name } = await serveUnlabelled(config)
        assert.equal(await refused(name, { platforms: ['linux/amd64'] }), 'PLATFORM_UNKNOWN')
        assert.equal(registry.blobRequests().size, 1, 'the config')
        await registry.close()
        registry = await startRawRegistry({ uploads: {} })
      }
    })

    it('leaves it to the pull, in a dry run, what such an image is for', async () => {
      const { name } = await serveUnlabelled(arm64 ?? {})
      const { images } = await cache.planWarm([name], { platforms: ['linux/amd64'] })
      assert.equal(images[0]?.ok, true)
    })
  })

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
