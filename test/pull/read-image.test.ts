import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { closureOf, contentReader } from '../../src/inventory/closure.js'
import type { Descriptor } from '../../src/oci/descriptor.js'
import type { Digest } from '../../src/oci/digest.js'
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST } from '../../src/oci/media-type.js'
import { parsePlatform } from '../../src/oci/platform.js'
import { parseReference } from '../../src/oci/reference.js'
import { readImage } from '../../src/pull/read-image.js'
import { aBlob } from '../support/a-blob.js'
import { anImage, type BuiltImage } from '../support/an-image.js'
import { BlobCollector } from '../support/blob-collector.js'
import { aMemoryRun, type MemoryRun } from './memory-run.js'

const APP = parseReference('registry.test/app:v1')
const AMD64 = [parsePlatform('linux/amd64')]

describe('readImage', () => {
  let run: MemoryRun

  beforeEach(() => {
    run = aMemoryRun()
  })

  const read = (root: Descriptor, options: Partial<Parameters<typeof readImage>[2]> = {}) =>
    readImage(APP, { root }, { wanted: AMD64, offline: false, signal: new AbortController().signal, ...options }, run)
  const serve = (image: BuiltImage): Descriptor => {
    run.registry.add(APP, image)
    return image.root
  }
  /** Serves manifests that may be anything, under the digests they have. */
  const built = (blobs: BlobCollector, root: Descriptor): Descriptor =>
    serve({ root, ...blobs.collected(), platforms: new Map() })
  const commitAll = async (image: BuiltImage): Promise<void> => {
    for (const [digest, bytes] of image.blobs) {
      await run.recorder.commitBlob(await run.blobs.stage(digest, bytes), OCI_LAYER)
    }
  }
  const requested = () => run.registry.requests.map(({ digest }) => digest)

  it('reads the root and what leads to the wanted platform, parents first', async () => {
    const image = await anImage({ platforms: ['linux/amd64', 'linux/arm64'], attestations: true })
    const { found, fetched } = await read(serve(image))
    const expected = [image.root.digest, image.platforms.get('linux/amd64')?.manifest.digest]
    assert.deepEqual(
      found.map(({ descriptor }) => descriptor.digest),
      expected,
    )
    assert.deepEqual([[...fetched.keys()], requested()], [expected, expected])
  })

  it('does not ask again for the root that resolving has fetched', async () => {
    const image = await anImage({ platforms: ['linux/amd64', 'linux/arm64'] })
    const root = serve(image)
    const fetched = await run.requests.manifest(APP, undefined, new AbortController().signal)
    run.registry.requests.length = 0
    const options = { wanted: AMD64, offline: false, signal: new AbortController().signal }
    await readImage(APP, { root, fetched }, options, run)
    assert.deepEqual(requested(), [image.platforms.get('linux/amd64')?.manifest.digest])
  })

  it('takes from the cache what is there, without a request', async () => {
    const image = await anImage({ platforms: ['linux/amd64', 'linux/arm64'] })
    await commitAll(image)
    const { found, fetched } = await read(image.root, { offline: true })
    assert.deepEqual([found.length, fetched.size, requested().length], [2, 0, 0])
  })

  it('fails when something is missing and asking is forbidden', async () => {
    const image = await anImage()
    serve(image)
    await assert.rejects(read(image.root, { offline: true }), { code: 'BLOB_UNKNOWN' })
    assert.equal(requested().length, 0)
  })

  it('reads a child once that is listed twice, and one that two indexes list', async () => {
    const image = await anImage()
    const blobs = new BlobCollector('sha256')
    const [platform] = AMD64
    const twice = [image.root, { ...image.root, platform }]
    const inner = await blobs.addManifest({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: twice })
    const outer = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [inner, ...twice, inner] }
    run.registry.add(APP, image)
    const { found } = await read(built(blobs, await blobs.addManifest(outer)), { wanted: 'all' })
    assert.equal(found.length, 3)
    assert.equal(new Set(requested()).size, requested().length)
  })

  it('reads an index whose only child is an index', async () => {
    const image = await anImage({ platforms: ['linux/amd64', 'linux/arm64'] })
    const blobs = new BlobCollector('sha256')
    const root = await blobs.addManifest({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [image.root] })
    run.registry.add(APP, image)
    const { found } = await read(built(blobs, root))
    assert.equal(found.length, 3)
  })

  it('ends although indexes point at one another', async () => {
    const [one, two] = [(await aBlob('one')).digest, (await aBlob('two')).digest]
    const indexOf = (child: Digest, size: number): Buffer => {
      const manifests = [{ mediaType: OCI_INDEX, digest: child, size }]
      return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }))
    }
    const size = indexOf(one, 100).length
    const manifest = (digest: Digest, child: Digest) =>
      [digest, { descriptor: { mediaType: OCI_INDEX, digest, size }, bytes: indexOf(child, size) }] as const
    const root = { mediaType: OCI_INDEX, digest: one, size }
    run.registry.add(APP, { root, manifests: new Map([manifest(one, two), manifest(two, one)]), blobs: new Map() })
    assert.equal((await read(root, { wanted: 'all' })).found.length, 2)
  })

  it('refuses a manifest of another size than its parent says', async () => {
    const image = await anImage()
    const blobs = new BlobCollector('sha256')
    const manifests = [{ ...image.root, size: image.root.size + 1 }]
    const root = await blobs.addManifest({ schemaVersion: 2, mediaType: OCI_INDEX, manifests })
    run.registry.add(APP, image)
    await assert.rejects(read(built(blobs, root)), { code: 'SIZE_MISMATCH' })
  })

  it('refuses a manifest of another type than its parent says', async () => {
    const image = await anImage()
    const blobs = new BlobCollector('sha256')
    const manifests = [{ ...image.root, mediaType: OCI_INDEX }]
    const root = await blobs.addManifest({ schemaVersion: 2, mediaType: OCI_INDEX, manifests })
    run.registry.add(APP, image)
    await assert.rejects(read(built(blobs, root)), { code: 'MANIFEST_INVALID' })
  })

  describe('refuses what is no image but an attack:', () => {
    const nest = async (image: BuiltImage, levels: number) => {
      const blobs = new BlobCollector('sha256')
      let root = image.root
      for (let level = 1; level < levels; level++) {
        root = await blobs.addManifest({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [root] })
      }
      run.registry.add(APP, image)
      return { blobs: new Map([...image.blobs, ...blobs.collected().blobs]), root: built(blobs, root) }
    }
    const listing = async (layers: number) => {
      const blobs = new BlobCollector('sha256')
      const config = await blobs.add(Buffer.from('{}'), OCI_CONFIG)
      const { digest, size } = await aBlob('layer')
      const digests = Array.from({ length: layers }, (_, at) => digest.slice(0, -5) + String(at).padStart(5, '0'))
      const root = await blobs.addManifest({
        schemaVersion: 2,
        mediaType: OCI_MANIFEST,
        config,
        layers: digests.map((own) => ({ mediaType: OCI_LAYER, digest: own, size })),
      })
      return { blobs: blobs.collected().blobs, root: built(blobs, root) }
    }
    const tooLarge = { code: 'MANIFEST_TOO_LARGE' }

    it('more than eight levels', async () => {
      const image = await anImage()
      assert.equal((await read((await nest(image, 8)).root)).found.length, 8)
      await assert.rejects(read((await nest(image, 9)).root), tooLarge)
    })

    it('more than 10,000 descriptors', async () => {
      await read((await listing(9998)).root)
      await assert.rejects(read((await listing(9999)).root), tooLarge)
    })

    it('more than 64 MiB of manifests, by what their parents announce, before they are asked for', async () => {
      const blobs = new BlobCollector('sha256')
      const manifests = await Promise.all(
        Array.from({ length: 17 }, async (_, at) => {
          const { digest } = await aBlob(`child ${at}`)
          return { mediaType: OCI_MANIFEST, digest, size: 4 * 1024 * 1024 }
        }),
      )
      const root = await blobs.addManifest({ schemaVersion: 2, mediaType: OCI_INDEX, manifests })
      await assert.rejects(read(built(blobs, root), { wanted: 'all' }), tooLarge)
      assert.equal(requested().length, 1)
    })

    it('and takes nothing that a removal could not walk', async () => {
      const deepest = await nest(await anImage(), 8)
      const longest = await listing(9998)
      for (const { blobs, root } of [deepest, longest]) {
        for (const [digest, bytes] of blobs) {
          await run.blobs.commit([await run.blobs.stage(digest, bytes)])
        }
        assert.equal((await closureOf(root, contentReader(run.blobs))).damage, undefined)
      }
    })
  })
})
