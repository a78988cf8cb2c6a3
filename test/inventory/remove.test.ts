import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemoryBlobStore } from '../../src/blobs/memory-blob-store.js'
import { isHearthError } from '../../src/errors.js'
import { clean, removeReferences } from '../../src/inventory/remove.js'
import type { Digest } from '../../src/oci/digest.js'
import { aDigest } from '../support/a-log.js'
import { anImage, type BuiltImage, digestsOf } from '../support/an-image.js'
import { ACache, APP, digestsIn, NOW, twoStored, WEB } from './a-cache.js'

const HOUR_MS = 60 * 60 * 1000

function damage(cache: ACache, digest: Digest): void {
  assert.ok(cache.blobs instanceof MemoryBlobStore)
  cache.blobs.put(cache.blobs.pathOf(digest), Buffer.from('damaged'))
}

function bytesOf(image: BuiltImage, digests: Iterable<Digest>): number {
  return [...digests].reduce((sum, digest) => sum + (image.blobs.get(digest)?.length ?? 0), 0)
}

describe('removeReferences', () => {
  it('keeps the layer that another image shares', async () => {
    const { cache, app, web } = await twoStored()
    const report = await removeReferences(['app:1'], cache.deps)
    const gone = [...app.blobs.keys()].filter((digest) => !web.blobs.has(digest))
    assert.ok(gone.length < app.blobs.size)
    assert.deepEqual(report, {
      removed: [APP],
      kept: [],
      removedBlobs: gone.length,
      freedBytes: bytesOf(app, gone),
    })
    assert.deepEqual(await cache.stored(), digestsIn(web))
    assert.deepEqual(cache.references, [WEB])
  })

  it('leaves nothing of the last image, and no plan open', async () => {
    const { cache } = await twoStored()
    await removeReferences([APP, WEB], cache.deps)
    assert.deepEqual(await cache.stored(), [])
    assert.deepEqual([cache.log.state.blobs.size, cache.log.state.removals.size], [0, 0])
  })

  it('removes one name of an image and keeps its blobs for the other', async () => {
    const { cache, app, web } = await twoStored()
    await cache.store('docker.io/library/app:2', app)
    const report = await removeReferences(['app:1'], cache.deps)
    assert.deepEqual([report.removed, report.removedBlobs], [[APP], 0])
    assert.deepEqual(await cache.stored(), digestsIn(app, web))
  })

  it('forgets when the removed references were used, and no others', async () => {
    const { cache } = await twoStored()
    await cache.uses.touch([APP, WEB])
    await removeReferences([APP], cache.deps)
    assert.deepEqual([...(await cache.uses.lastUses([APP, WEB])).keys()], [WEB])
    await clean(cache.deps)
    assert.deepEqual([...(await cache.uses.lastUses([APP, WEB])).keys()], [])
  })

  it('reports unknown names as kept, and removes the others', async () => {
    const { cache } = await twoStored()
    const report = await removeReferences(['nowhere', 'app:1', 'app:1', 'app:2'], cache.deps)
    assert.deepEqual(report.removed, [APP])
    assert.deepEqual(
      report.kept.map(({ reference, failure }) => [reference, failure.code]),
      [
        ['nowhere', 'REFERENCE_UNKNOWN'],
        ['app:2', 'REFERENCE_UNKNOWN'],
      ],
    )
  })

  it('keeps a pinned reference, says so, and takes it with force', async () => {
    const { cache, app, web } = await twoStored()
    await cache.record({ type: 'ReferencePinned', reference: APP })
    const refused = await removeReferences(['app:1'], cache.deps)
    assert.deepEqual([refused.removed, refused.kept[0]?.failure.code], [[], 'REFERENCE_PINNED'])
    assert.deepEqual(await cache.stored(), digestsIn(app, web))
    assert.deepEqual((await removeReferences(['app:1'], cache.deps, { force: true })).removed, [APP])
    assert.deepEqual([cache.log.state.pins.size, await cache.stored()], [0, digestsIn(web)])
  })

  it('writes nothing when no name is known', async () => {
    const { cache, app, web } = await twoStored()
    const before = cache.log.state.head
    await removeReferences(['nowhere'], cache.deps)
    assert.deepEqual(cache.log.state.head, before)
    assert.deepEqual(await cache.stored(), digestsIn(app, web))
  })

  it('keeps what a running pull has leased, also in the log', async () => {
    const { cache, app, web } = await twoStored()
    const [layer] = [...app.blobs.keys()].filter((digest) => !web.blobs.has(digest))
    await cache.leases.lease([layer ?? assert.fail()])
    await removeReferences([APP], cache.deps)
    assert.deepEqual(await cache.stored(), [...web.blobs.keys(), layer].sort())
    assert.ok(cache.log.state.blobs.has(layer ?? assert.fail()))
    await cache.leases.release()
    await removeReferences([WEB], cache.deps)
    assert.deepEqual(await cache.stored(), [])
  })

  it('keeps all blobs while a remaining manifest is damaged, and says so', async () => {
    const { cache, app, web } = await twoStored()
    damage(cache, web.root.digest)
    const report = await removeReferences([APP], cache.deps)
    assert.deepEqual([report.removed, report.removedBlobs], [[APP], 0])
    assert.equal(report.blobsKept?.code, 'DIGEST_MISMATCH')
    assert.equal(report.blobsKept?.details.reference, WEB)
    assert.deepEqual(await cache.stored(), digestsIn(app, web))
  })

  it('keeps all blobs while a remaining manifest is lost', async () => {
    const { cache, web } = await twoStored()
    await cache.blobs.remove([web.root.digest])
    const report = await removeReferences([APP], cache.deps)
    assert.deepEqual([report.removedBlobs, report.blobsKept?.code], [0, 'BLOB_UNKNOWN'])
  })

  it('removes the blobs once the damaged image is removed too', async () => {
    const { cache, web } = await twoStored()
    damage(cache, web.root.digest)
    await removeReferences([APP], cache.deps)
    const report = await removeReferences([WEB], cache.deps)
    assert.equal(report.blobsKept, undefined)
    assert.deepEqual(await cache.stored(), [])
  })

  it('needs only what a sparse index has', async () => {
    const cache = new ACache()
    const image = await anImage({ platforms: ['linux/amd64', 'linux/arm64'] })
    await cache.store(APP, image, { platforms: ['linux/amd64'] })
    await cache.store(WEB, await anImage({ seed: 'web' }))
    await removeReferences([WEB], cache.deps)
    assert.deepEqual(await cache.stored(), [...digestsOf(image, ['linux/amd64'])].sort())
  })

  it('keeps blobs of adopted images that the log does not know, and removes them with their name', async () => {
    const { cache, web } = await twoStored()
    const other = await anImage({
      seed: 'other',
      layers: [{ seed: 'shared', everyPlatform: true }, { seed: 'other layer' }],
    })
    await cache.store('other', other, { adopted: true })
    await removeReferences([APP], cache.deps)
    assert.deepEqual(await cache.stored(), digestsIn(web, other))
    await removeReferences(['other'], cache.deps)
    assert.deepEqual(await cache.stored(), digestsIn(web))
  })

  it('leaves alone what neither the log nor a reference knows', async () => {
    const { cache } = await twoStored()
    const foreign = Buffer.from('foreign')
    const digest = aDigest('foreign')
    await cache.blobs.commit([await cache.blobs.stage(digest, foreign)])
    await removeReferences([APP, WEB], cache.deps)
    assert.deepEqual(await cache.stored(), [digest])
  })

  it('stops with ABORTED before anything is recorded', async () => {
    const { cache, app, web } = await twoStored()
    const removal = removeReferences([APP], cache.deps, { signal: AbortSignal.abort() })
    await assert.rejects(removal, (error) => isHearthError(error, 'ABORTED'))
    assert.deepEqual(cache.references, [APP, WEB])
    assert.deepEqual(await cache.stored(), digestsIn(app, web))
  })
})

describe('clean', () => {
  it('removes every reference and every blob', async () => {
    const { cache, app, web } = await twoStored()
    const report = await clean(cache.deps)
    assert.deepEqual([report.removed, report.kept], [[APP, WEB], []])
    assert.equal(report.removedBlobs, digestsIn(app, web).length)
    assert.deepEqual([await cache.stored(), cache.references], [[], []])
  })

  it('keeps pinned references with their blobs, unless forced', async () => {
    const { cache, app } = await twoStored()
    await cache.record({ type: 'ReferencePinned', reference: APP })
    const { removed, kept } = await clean(cache.deps)
    assert.deepEqual([removed, kept.map(({ failure }) => failure.code)], [[WEB], ['REFERENCE_PINNED']])
    assert.deepEqual(await cache.stored(), digestsIn(app))
    await clean(cache.deps, { force: true })
    assert.deepEqual(await cache.stored(), [])
  })

  it('removes adopted images with their blobs', async () => {
    const cache = new ACache()
    await cache.store('other', await anImage({ seed: 'other' }), { adopted: true })
    await clean(cache.deps)
    assert.deepEqual(await cache.stored(), [])
  })

  it('works on a damaged cache: what is removed as a whole needs no reading', async () => {
    const { cache, web } = await twoStored()
    damage(cache, web.root.digest)
    assert.equal((await clean(cache.deps)).blobsKept, undefined)
    assert.deepEqual(await cache.stored(), [])
  })

  it('keeps what a running pull has leased', async () => {
    const { cache, app } = await twoStored()
    await cache.leases.lease([app.root.digest])
    await clean(cache.deps)
    assert.deepEqual(await cache.stored(), [app.root.digest])
  })

  it('removes leftovers that nobody knows once they are an hour old', async () => {
    const cache = new ACache()
    const digest = aDigest('left over')
    await cache.blobs.commit([await cache.blobs.stage(digest, Buffer.from('left over'))])
    await clean(cache.deps)
    assert.deepEqual(await cache.stored(), [digest])
    const report = await clean({ ...cache.deps, now: () => NOW + HOUR_MS })
    assert.deepEqual([await cache.stored(), report.removedBlobs], [[], 1])
  })

  it('of an empty cache does nothing', async () => {
    const cache = new ACache()
    assert.deepEqual(await clean(cache.deps), { removed: [], kept: [], removedBlobs: 0, freedBytes: 0 })
    assert.equal(cache.log.state.head.position, 0)
  })
})
