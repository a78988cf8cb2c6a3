import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemoryBlobStore } from '../../src/blobs/memory-blob-store.js'
import { contentReader } from '../../src/inventory/closure.js'
import { checkImage } from '../../src/inventory/verify-closure.js'
import type { Digest } from '../../src/oci/digest.js'
import { anImage, type BuiltImage, type ImageSpec } from '../support/an-image.js'
import { ACache } from './a-cache.js'

const TWO: ImageSpec = { platforms: ['linux/amd64', 'linux/arm64'], layers: [{}, {}] }

interface Stored {
  /** Platforms whose blobs are there. Default: all. */
  readonly pulled?: readonly string[]
  /** Blobs that are then lost or damaged. */
  readonly without?: readonly (Digest | undefined)[]
}

/** Why the image is not complete for the platforms, as verify sees it after hashing. */
async function gapOf(image: BuiltImage, platforms: readonly string[], { pulled, without = [] }: Stored = {}) {
  const blobs = new MemoryBlobStore()
  await new ACache(blobs).store('image', image, pulled && { platforms: pulled })
  const sound = new Map<Digest, { readonly size: number }>()
  for await (const { digest, size } of blobs.list()) if (digest !== undefined) sound.set(digest, { size })
  for (const digest of without) {
    sound.delete(digest ?? assert.fail())
    await blobs.remove([digest ?? assert.fail()])
  }
  const { failure } = await checkImage({ descriptor: image.root, platforms }, { read: contentReader(blobs), sound })
  return failure
}

describe('checkImage', () => {
  it('finds none in a whole image, plain, indexed or nested', async () => {
    assert.equal(await gapOf(await anImage(), ['linux/amd64']), undefined)
    for (const root of ['index', 'nested'] as const) {
      const image = await anImage({ ...TWO, root })
      assert.equal(await gapOf(image, ['linux/amd64', 'linux/arm64/v8']), undefined)
    }
  })

  it('finds none in a sparse index that has its recorded platforms', async () => {
    for (const root of ['index', 'nested'] as const) {
      const image = await anImage({ ...TWO, root })
      assert.equal(await gapOf(image, ['linux/amd64'], { pulled: ['linux/amd64'] }), undefined)
    }
  })

  it('finds what a recorded platform lacks: its manifest, its config, any layer', async () => {
    const image = await anImage(TWO)
    const { manifest, config, layers } = image.platforms.get('linux/arm64/v8') ?? assert.fail()
    for (const { digest } of [manifest, config, ...layers]) {
      const gap = await gapOf(image, ['linux/amd64', 'linux/arm64/v8'], { without: [digest] })
      assert.deepEqual([gap?.code, gap?.details.digest], ['BLOB_UNKNOWN', digest])
    }
  })

  it('finds a lost root', async () => {
    const image = await anImage(TWO)
    for (const platforms of [[], ['linux/amd64']]) {
      const gap = await gapOf(image, platforms, { without: [image.root.digest] })
      assert.equal(gap?.details.digest, image.root.digest)
    }
  })

  it('counts everything that is missing', async () => {
    const image = await anImage(TWO)
    const { layers } = image.platforms.get('linux/amd64') ?? assert.fail()
    const gap = await gapOf(image, ['linux/amd64'], { without: layers.map(({ digest }) => digest) })
    assert.equal(gap?.details.missing, layers.length)
  })

  it('finds a recorded platform that the index does not list', async () => {
    const gap = await gapOf(await anImage(TWO), ['linux/amd64', 'linux/s390x'])
    assert.deepEqual([gap?.code, gap?.details.expected], ['PLATFORM_UNKNOWN', 'linux/s390x'])
  })

  it('lets an adopted index lack platforms, but no part of one that it has', async () => {
    const image = await anImage(TWO)
    const { layers } = image.platforms.get('linux/amd64') ?? assert.fail()
    assert.equal(await gapOf(image, [], { pulled: ['linux/amd64'] }), undefined)
    const gap = await gapOf(image, [], { pulled: ['linux/amd64'], without: [layers[1]?.digest] })
    assert.equal(gap?.details.digest, layers[1]?.digest)
  })

  it('lets layers be absent that registries may not distribute', async () => {
    const mediaType = 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip'
    const image = await anImage({ layers: [{ raw: { bytes: Buffer.from('licensed'), mediaType } }, {}] })
    const { layers } = image.platforms.get('linux/amd64') ?? assert.fail()
    assert.equal(await gapOf(image, ['linux/amd64'], { without: [layers[0]?.digest] }), undefined)
  })

  it('says why a manifest cannot be read', async () => {
    const image = await anImage(TWO)
    const mislabelled = { ...image.root, mediaType: 'application/vnd.oci.image.manifest.v1+json' }
    assert.equal((await gapOf({ ...image, root: mislabelled }, []))?.code, 'MANIFEST_INVALID')
  })
})
