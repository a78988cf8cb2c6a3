import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemoryBlobStore } from '../../src/blobs/memory-blob-store.js'
import { HearthError, isHearthError } from '../../src/errors.js'
import { closureOf, contentReader, LIMITS, type ReadContent, walkImage } from '../../src/inventory/closure.js'
import type { Descriptor } from '../../src/oci/descriptor.js'
import { OCI_INDEX, OCI_LAYER } from '../../src/oci/media-type.js'
import { aDescriptorOf } from '../support/a-log.js'
import { anImage, type BuiltImage, digestsOf } from '../support/an-image.js'
import { ACache } from './a-cache.js'

async function storing(...images: readonly BuiltImage[]): Promise<MemoryBlobStore> {
  const blobs = new MemoryBlobStore()
  for (const image of images) await new ACache(blobs).store('image', image)
  return blobs
}

/** Content without bytes: shapes that no true digest can have, and sizes that no test should write. */
function reading(indexes: ReadonlyMap<string, readonly Descriptor[]>, bytes = 1): ReadContent {
  return async ({ digest, mediaType }) => {
    const manifests = indexes.get(digest)
    if (manifests === undefined) return { state: 'absent' }
    return { state: 'read', bytes, parsed: { kind: 'index', mediaType, manifests } }
  }
}

function anIndexOf(name: string): Descriptor {
  return aDescriptorOf(name, { mediaType: OCI_INDEX })
}

async function drain(walk: AsyncIterable<unknown>): Promise<number> {
  let count = 0
  for await (const _ of walk) count += 1
  return count
}

describe('walkImage', () => {
  it('meets every blob of an image, parents before children', async () => {
    const image = await anImage({ platforms: ['linux/amd64', 'linux/arm64'], root: 'nested', layers: [{}, {}] })
    const met: string[] = []
    for await (const { descriptor, parent } of walkImage(image.root, contentReader(await storing(image)))) {
      if (parent !== undefined) assert.ok(met.includes(parent.descriptor.digest))
      met.push(descriptor.digest)
    }
    assert.deepEqual(met.toSorted(), [...image.blobs.keys()].sort())
    assert.equal(met[0], image.root.digest)
  })

  it('meets a shared layer once, or under each of its parents', async () => {
    const image = await anImage({ platforms: ['linux/amd64', 'linux/arm64'], layers: [{ everyPlatform: true }] })
    const read = contentReader(await storing(image))
    const nodes = await drain(walkImage(image.root, read))
    assert.equal(await drain(walkImage(image.root, read, { distinct: false })), nodes + 1)
  })

  it('ends in a cycle', async () => {
    const [a, b] = [anIndexOf('a'), anIndexOf('b')]
    const read = reading(
      new Map([
        [a.digest, [b]],
        [b.digest, [a]],
      ]),
    )
    assert.ok((await drain(walkImage(a, read))) <= 3)
  })

  it('refuses to go deeper than its limit', async () => {
    const chain = Array.from({ length: LIMITS.depth + 2 }, (_, level) => anIndexOf(`level ${level}`))
    const walk = (length: number): Promise<number> => {
      const links = chain.slice(0, length).map((node, at) => [node.digest, chain.slice(at + 1, at + 2)] as const)
      return drain(walkImage(anIndexOf('level 0'), reading(new Map(links))))
    }
    assert.equal(await walk(LIMITS.depth), LIMITS.depth + 1)
    await assert.rejects(walk(LIMITS.depth + 1), (error) => isHearthError(error, 'MANIFEST_TOO_LARGE'))
  })

  it('refuses more descriptors than its limit, but counts a repeated one once', async () => {
    const root = anIndexOf('root')
    const leaves = Array.from({ length: LIMITS.descriptors }, (_, at) =>
      aDescriptorOf(`${at}`, { mediaType: OCI_LAYER }),
    )
    const many = reading(new Map([[root.digest, leaves]]))
    await assert.rejects(drain(walkImage(root, many)), (error) => isHearthError(error, 'MANIFEST_TOO_LARGE'))
    const [leaf] = leaves
    const same = leaf === undefined ? [] : Array.from({ length: LIMITS.descriptors }, () => leaf)
    assert.equal(await drain(walkImage(root, reading(new Map([[root.digest, same]])))), 2)
  })

  it('refuses more metadata than its limit', async () => {
    const children = Array.from({ length: 20 }, (_, at) => anIndexOf(`child ${at}`))
    const root = anIndexOf('root')
    const empty = children.map(({ digest }) => [digest, []] as const)
    const indexes = new Map<string, readonly Descriptor[]>([[root.digest, children], ...empty])
    const walk = drain(walkImage(root, reading(indexes, 4 * 1024 * 1024)))
    await assert.rejects(walk, (error) => isHearthError(error, 'MANIFEST_TOO_LARGE'))
  })

  it('follows a digest as a manifest although it was met as a layer', async () => {
    const inner = await anImage({ seed: 'inner' })
    const asLayer = { ...inner.root, mediaType: OCI_LAYER }
    const root = anIndexOf('root')
    const stored = contentReader(await storing(inner))
    const index = reading(new Map([[root.digest, [asLayer, inner.root]]]))
    const read: ReadContent = (descriptor) => (descriptor === root ? index(descriptor) : stored(descriptor))
    const { digests } = await closureOf(root, read)
    for (const digest of inner.blobs.keys()) assert.ok(digests.has(digest))
  })

  it('stops with ABORTED', async () => {
    const image = await anImage()
    const walk = walkImage(image.root, contentReader(await storing(image)), { signal: AbortSignal.abort() })
    await assert.rejects(drain(walk), (error) => isHearthError(error, 'ABORTED'))
  })
})

describe('closureOf', () => {
  it('of a sparse index holds what is there and names the manifests that are not', async () => {
    const image = await anImage({ platforms: ['linux/amd64', 'linux/arm64'] })
    const blobs = new MemoryBlobStore()
    await new ACache(blobs).store('image', image, { platforms: ['linux/amd64'] })
    const { digests, absent, damage } = await closureOf(image.root, contentReader(blobs))
    const arm = image.platforms.get('linux/arm64/v8')?.manifest.digest
    assert.ok(arm)
    assert.deepEqual([...digests].sort(), [...digestsOf(image, ['linux/amd64']), arm].sort())
    assert.deepEqual(absent, [arm])
    assert.equal(damage, undefined)
  })

  it('says when a manifest is damaged, not a manifest, or too large', async () => {
    const image = await anImage()
    const blobs = await storing(image)
    const path = blobs.pathOf(image.root.digest)
    for (const bytes of [Buffer.from('damaged'), new Uint8Array(5 * 1024 * 1024)]) {
      blobs.put(path, bytes)
      const { digests, damage } = await closureOf(image.root, contentReader(blobs))
      assert.deepEqual([...digests], [image.root.digest])
      assert.ok(damage)
    }
    const [committed] = await blobs.commit([
      await blobs.stage(image.root.digest, image.blobs.get(image.root.digest) ?? assert.fail()),
    ])
    assert.ok(committed)
    const mislabelled = { ...image.root, mediaType: OCI_INDEX }
    assert.equal((await closureOf(mislabelled, contentReader(blobs))).damage?.code, 'MANIFEST_INVALID')
  })

  it('says when an image exceeds the limits', async () => {
    const root = anIndexOf('root')
    const children = Array.from({ length: LIMITS.descriptors + 1 }, (_, at) => aDescriptorOf(`${at}`))
    assert.equal(
      (await closureOf(root, reading(new Map([[root.digest, children]])))).damage?.code,
      'MANIFEST_TOO_LARGE',
    )
  })

  it('passes on a failure that is not about the image', async () => {
    const read: ReadContent = () => Promise.reject(new HearthError('INTERNAL', 'broken'))
    await assert.rejects(closureOf(anIndexOf('root'), read), (error) => isHearthError(error, 'INTERNAL'))
  })
})

describe('contentReader', () => {
  it('reads a manifest once, and forgets that one was absent', async () => {
    const image = await anImage()
    const blobs = new MemoryBlobStore()
    const read = contentReader(blobs)
    assert.deepEqual(await read(image.root), { state: 'absent' })
    await new ACache(blobs).store('image', image)
    assert.equal((await read(image.root)).state, 'read')
    await blobs.remove([image.root.digest])
    assert.equal((await read(image.root)).state, 'read')
  })
})
