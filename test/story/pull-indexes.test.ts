import assert from 'node:assert/strict'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { Descriptor } from '../../src/oci/descriptor.js'
import { blobPath } from '../../src/oci/image-layout.js'
import { OCI_LAYER } from '../../src/oci/media-type.js'
import type { Platform } from '../../src/oci/platform.js'
import { BlobCollector } from '../support/blob-collector.js'
import { anImageOf, anIndexOf, PullSite } from '../support/pull-site.js'
import { tempDir } from '../support/temp-dir.js'

/** As tools of the field write them, beside the usual ones. */
describe('pulling an index', () => {
  let site: PullSite

  beforeEach(async () => {
    site = await PullSite.open()
  })
  afterEach(() => site.close())

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
      const root = await anIndexOf(children, collector)
      return { name: site.serve(collector, root), root, children, blobs: collector.collected().blobs }
    }
    const held = async (reference: string): Promise<readonly (readonly [string, boolean])[]> =>
      (await site.cache.inspect(reference)).root.children.map(({ kind, present }) => [kind, present])

    for (const options of [{}, wanted, { platforms: ['all'] }]) {
      it(`is fetched as a blob when it is one, with ${JSON.stringify(options)}`, async () => {
        const { name, children, root, blobs } = await serveBuildCache()
        const { platforms, size } = await site.pulled(name, options)
        assert.deepEqual([platforms, size], [[], [...blobs.values()].reduce((sum, { length }) => sum + length, 0)])
        assert.deepEqual([...site.registry.blobRequests().keys()].sort(), children.map(({ digest }) => digest).sort())
        assert.ok(
          site.registry.requestsFor({ kind: 'manifest' }).every(({ digest = root.digest }) => digest === root.digest),
        )
        assert.deepEqual(
          await held(name),
          children.map(() => ['blob', true]),
        )
      })
    }

    it('that is a blob stays as long as its index, and goes with it', async () => {
      const { name, blobs } = await serveBuildCache()
      await site.pulled(name)
      assert.equal((await site.cache.reclaim()).removedBlobs, 0)
      await site.pulled(name, { pull: 'never' })
      assert.equal((await site.cache.remove([name])).removedBlobs, blobs.size)
    })

    it('that is a blob is missed by verify, and fetched again as one', async () => {
      const { name, children } = await serveBuildCache()
      await site.pulled(name)
      await rm(join(site.folder, blobPath(children[0]?.digest ?? assert.fail())))
      const { problems } = await site.cache.verify()
      assert.equal(problems.find(({ kind }) => kind === 'reference')?.failure.code, 'BLOB_UNKNOWN')
      await site.cache.verify({ repair: true })
      await site.pulled(name, { pull: 'never' })
    })

    it('that is a blob goes along to another cache, into archives and to registries', async () => {
      const { name, blobs } = await serveBuildCache()
      await site.pulled(name)
      const elsewhere = await tempDir()
      assert.deepEqual((await site.cache.copy(name, { to: join(elsewhere, 'copy') })).blobs, blobs.size)
      const output = join(elsewhere, 'cache.tar')
      assert.equal((await site.cache.export(name, { output })).blobs, blobs.size)
      const [pushed] = (await site.cache.push(name, { remoteName: `${site.registry.host}/pushed/app:v1` })).results
      assert.ok(pushed?.ok, JSON.stringify(pushed))
      await site.cache.remove([name])
      const [imported] = (await site.cache.import(output)).results
      assert.ok(imported?.ok, JSON.stringify(imported))
      await site.pulled(name, { pull: 'never' })
      await site.pulled(`${site.registry.host}/pushed/app:v1`)
    })

    it('that is a blob is refused by an export and an import that lack it', async () => {
      const { name, children } = await serveBuildCache()
      await site.pulled(name)
      const output = join(await tempDir(), 'layout')
      await site.cache.export(name, { output, format: 'oci-dir' })
      const path = blobPath(children[0]?.digest ?? assert.fail())
      await site.cache.remove([name])
      await rm(join(output, path))
      const [imported] = (await site.cache.import(output)).results
      assert.equal(imported?.ok === false && imported.failure.code, 'BLOB_UNKNOWN')
      await site.pulled(name)
      await rm(join(site.folder, path))
      await assert.rejects(site.cache.export(name, { output: `${output}.tar` }), { code: 'BLOB_UNKNOWN' })
    })

    it('is asked for among the manifests when its type says so, though hearth does not know it', async () => {
      const collector = new BlobCollector('sha256')
      const mediaType = 'application/vnd.oci.artifact.manifest.v1+json'
      const artifact = await collector.addManifest({ mediaType, artifactType: 'application/x', blobs: [] })
      const name = site.serve(collector, await anIndexOf([artifact], collector))
      await site.pulled(name)
      assert.deepEqual(site.registry.blobRequests().size, 0)
      assert.deepEqual(await held(name), [['opaque', true]])
      const [pushed] = (await site.cache.push(name, { remoteName: `${site.registry.host}/pushed/app:v1` })).results
      assert.ok(pushed?.ok, JSON.stringify(pushed))
    })

    it('for no platform is left where it is when a platform is wanted, and no part of it is missed', async () => {
      const collector = new BlobCollector('sha256')
      const linux = { os: 'linux', architecture: 'amd64' }
      const notes = await collector.add(Buffer.from('<notes/>'), 'application/xml')
      const image = { ...(await anImageOf(linux, collector)), platform: linux }
      const name = site.serve(collector, await anIndexOf([image, notes], collector))
      await site.pulled(name, wanted)
      assert.deepEqual(await held(name), [
        ['manifest', true],
        ['blob', false],
      ])
      await site.cache.copy(name, { to: join(await tempDir(), 'copy') })
      await site.pulled(name, { platforms: ['all'] })
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
      return { name: site.serve(collector, await anIndexOf([...images, attestation], collector)), images }
    }

    it('may name a platform that nobody can ask for', async () => {
      const collector = new BlobCollector('sha256')
      const platform = { os: 'amd64', architecture: 'x', variant: 'y' }
      const image = { ...(await anImageOf(platform, collector)), platform }
      const name = site.serve(collector, await anIndexOf([image], collector))
      assert.deepEqual((await site.pulled(name, { platforms: ['all'] })).platforms, ['amd64/x/y'])
    })

    it('serves a platform by an image whose config says so', async () => {
      const { name, images } = await serveUnlabelled(amd64 ?? {})
      assert.deepEqual((await site.pulled(name, { platforms: ['linux/amd64'] })).platforms, ['linux/amd64'])
      const { root } = await site.cache.inspect(name)
      assert.deepEqual(
        root.children.map(({ present }) => present),
        [true, false],
      )
      await site.cache.export(name, { output: join(site.folder, '..', 'app.tar'), platform: 'linux/amd64' })
      await rm(join(site.folder, blobPath(images[0]?.digest ?? assert.fail())))
      assert.ok((await site.cache.verify()).problems.some(({ subject }) => subject === name))
      await site.cache.verify({ repair: true })
      await site.pulled(name, { platforms: ['linux/amd64'], pull: 'never' })
    })

    it('serves each platform by its image', async () => {
      const { name } = await serveUnlabelled(amd64 ?? {}, arm64 ?? {})
      const { platforms } = await site.pulled(name, { platforms: ['linux/arm64'] })
      assert.deepEqual(platforms, ['linux/arm64/v8'])
      const both = ['linux/amd64', 'linux/arm64/v8']
      assert.deepEqual((await site.pulled(name, { platforms: ['linux/amd64'] })).platforms, both)
      assert.deepEqual((await site.pulled(name, { platforms: ['all'] })).platforms, both)
      const { images } = await site.cache.copy(name, { to: join(await tempDir(), 'copy') })
      assert.deepEqual(images[0]?.platforms, both)
    })

    it('serves no platform by it that the index names for another', async () => {
      const collector = new BlobCollector('sha256')
      const [named, other] = [
        await anImageOf({ ...amd64, author: 'a' }, collector),
        await anImageOf({ ...amd64 }, collector),
      ]
      const name = site.serve(collector, await anIndexOf([{ ...named, platform: amd64 as Platform }, other], collector))
      assert.deepEqual((await site.pulled(name, { platforms: ['all'] })).platforms, ['linux/amd64'])
      const [entry] = JSON.parse(await readFile(join(site.folder, 'index.json'), 'utf8')).manifests.slice(1)
      assert.equal(entry.digest, named.digest)
    })

    it('is refused before any layer when the config says something else, or nothing', async () => {
      for (const config of [arm64 ?? {}, {}]) {
        const { name } = await serveUnlabelled(config)
        assert.equal(await site.refused(name, { platforms: ['linux/amd64'] }), 'PLATFORM_UNKNOWN')
        assert.equal(site.registry.blobRequests().size, 1, 'the config')
        await site.close()
        site = await PullSite.open()
      }
    })

    it('leaves it to the pull, in a dry run, what such an image is for', async () => {
      const { name } = await serveUnlabelled(arm64 ?? {})
      const { images } = await site.cache.planWarm([name], { platforms: ['linux/amd64'] })
      assert.equal(images[0]?.ok, true)
    })
  })
})
