import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemoryBlobStore } from '../../src/blobs/memory-blob-store.js'
import { NOTHING_SWEPT } from '../../src/blobs/swept.js'
import { isHearthError } from '../../src/errors.js'
import { MemoryUses } from '../../src/inventory/memory-uses.js'
import { type ReclaimDeps, type ReclaimOptions, reclaim } from '../../src/inventory/reclaim.js'
import { pendingEdits } from '../../src/materialise/materialise.js'
import type { Digest } from '../../src/oci/digest.js'
import { aDigest, referenceRemoved, referenceSet } from '../support/a-log.js'
import { anImage, type BuiltImage } from '../support/an-image.js'
import { ACache, APP, digestsIn, NOW, twoStored, WEB } from './a-cache.js'

const HOUR_MS = 60 * 60 * 1000

/** Uses are noted in order: each touch is later than the one before. References are older than any of them. */
function collecting(cache: ACache): { deps: ReclaimDeps; touch: (...names: string[]) => Promise<void> } {
  let used = 0
  const uses = new MemoryUses(() => used)
  const sweeps = { ingests: async () => NOTHING_SWEPT, strays: async () => NOTHING_SWEPT }
  return {
    deps: { ...cache.deps, uses, sweeps, edits: (held) => pendingEdits(held, cache.indexFile) },
    touch: async (...names) => {
      used += 1
      await uses.touch(names)
    },
  }
}

function bytesOf(...images: readonly BuiltImage[]): number {
  const blobs = new Map(images.flatMap((image) => [...image.blobs]))
  return [...blobs.values()].reduce((sum, { length }) => sum + length, 0)
}

/** Digests of one image that the other does not need. */
function own(image: BuiltImage, other: BuiltImage): Digest[] {
  return [...image.blobs.keys()].filter((digest) => !other.blobs.has(digest))
}

describe('reclaim without a budget', () => {
  it('takes blobs that lost their reference, and no others', async () => {
    const { cache, app, web } = await twoStored()
    await cache.record(referenceRemoved(APP))
    const report = await reclaim(collecting(cache).deps)
    const gone = own(app, web)
    assert.deepEqual(await cache.stored(), digestsIn(web))
    assert.deepEqual([report.evicted, report.removedBlobs], [[], gone.length])
    assert.deepEqual(report.removed.unreferenced, { count: gone.length, bytes: report.freedBytes })
    assert.deepEqual([report.keptBlobs, report.keptBytes], [web.blobs.size, bytesOf(web)])
  })

  it('changes nothing in a cache that needs everything, not even the log', async () => {
    const { cache, app, web } = await twoStored()
    await cache.materialise()
    const { head } = cache.log.state
    const report = await reclaim(collecting(cache).deps)
    assert.deepEqual([report.removedBlobs, report.freedBytes, cache.log.state.head], [0, 0, head])
    assert.deepEqual(await cache.stored(), digestsIn(app, web))
  })

  it('takes what was never recorded once it is an hour old', async () => {
    const { cache, app, web } = await twoStored()
    const left = aDigest('left over')
    await cache.blobs.commit([await cache.blobs.stage(left, Buffer.from('left over'))])
    const { deps } = collecting(cache)
    assert.equal((await reclaim(deps)).removedBlobs, 0)
    const report = await reclaim({ ...deps, now: () => NOW + HOUR_MS })
    assert.deepEqual(report.removed.unknown, { count: 1, bytes: 9 })
    assert.deepEqual(await cache.stored(), digestsIn(app, web))
  })

  it('keeps what a running pull has leased, recorded or not', async () => {
    const { cache, app, web } = await twoStored()
    const left = aDigest('left over')
    await cache.blobs.commit([await cache.blobs.stage(left, Buffer.from('left over'))])
    await cache.record(referenceRemoved(APP))
    await cache.leases.lease([left, ...app.blobs.keys()])
    await reclaim({ ...collecting(cache).deps, now: () => NOW + HOUR_MS })
    assert.deepEqual(await cache.stored(), [...digestsIn(app, web), left].sort())
  })

  it('completes a removal that was killed', async () => {
    const { cache, app, web } = await twoStored()
    await cache.record(referenceRemoved(APP), { type: 'RemovalPlanned', digests: own(app, web) })
    await reclaim(collecting(cache).deps)
    assert.deepEqual([await cache.stored(), cache.log.state.removals.size], [digestsIn(web), 0])
  })

  it('removes no blob while a manifest is damaged, and says which', async () => {
    const { cache, app, web } = await twoStored()
    await cache.record(referenceRemoved(APP))
    assert.ok(cache.blobs instanceof MemoryBlobStore)
    cache.blobs.put(cache.blobs.pathOf(web.root.digest), Buffer.from('damaged'))
    const report = await reclaim(collecting(cache).deps)
    assert.deepEqual([report.removedBlobs, report.blobsKept?.details.reference], [0, WEB])
    assert.deepEqual(await cache.stored(), digestsIn(app, web))
  })
})

describe('reclaim with a budget', () => {
  it('evicts the least recently used reference, and only the blobs that nothing shares', async () => {
    const { cache, app, web } = await twoStored()
    const { deps, touch } = collecting(cache)
    await touch(WEB)
    await touch(APP)
    const report = await reclaim(deps, { keepBytes: bytesOf(app, web) - 1 })
    assert.deepEqual(
      report.evicted.map(({ reference, digest }) => [reference, digest]),
      [[WEB, web.root.digest]],
    )
    assert.deepEqual(await cache.stored(), digestsIn(app))
    assert.deepEqual([report.removed.evicted.count, report.overBudgetBytes], [own(web, app).length, 0])
  })

  it('says in the log that they were evicted', async () => {
    const { cache } = await twoStored()
    await reclaim(collecting(cache).deps, { keepBytes: 0 })
    const reasons: unknown[] = []
    for await (const event of cache.log.read(0)) if (event.type === 'ReferenceRemoved') reasons.push(event.reason)
    assert.deepEqual(reasons, ['evicted', 'evicted'])
  })

  it('evicts nothing when all fits', async () => {
    const { cache, app, web } = await twoStored()
    const report = await reclaim(collecting(cache).deps, { keepBytes: bytesOf(app, web) })
    assert.deepEqual([report.evicted, report.keptBytes], [[], bytesOf(app, web)])
  })

  it('keeps pinned references, and says how far the rest is above the budget', async () => {
    const { cache, app } = await twoStored()
    await cache.record({ type: 'ReferencePinned', reference: APP })
    const report = await reclaim(collecting(cache).deps, { keepBytes: 10 })
    assert.deepEqual(cache.references, [APP])
    assert.equal(report.overBudgetBytes, bytesOf(app) - 10)
    assert.deepEqual(await cache.stored(), digestsIn(app))
  })

  it('keeps a pinned name whose tag has moved', async () => {
    const { cache, web } = await twoStored()
    await cache.record({ type: 'ReferencePinned', reference: APP }, referenceSet(APP, { descriptor: web.root }))
    await reclaim(collecting(cache).deps, { keepBytes: 0 })
    // The other name of that image stays too: to lose it would free nothing.
    assert.deepEqual([cache.references, await cache.stored()], [[APP, WEB], digestsIn(web)])
  })

  it('spares an image that is used between the decision and its record', async () => {
    const { cache, app, web } = await twoStored()
    const { deps, touch } = collecting(cache)
    await touch(APP)
    await touch(WEB)
    // What a pull does that finds its image, and ends: no lease is left of it, but a use.
    const materialise: ReclaimDeps['materialise'] = async (held) => {
      await deps.materialise(held)
      await touch(APP)
    }
    const first = deps.uses.lastUses([APP, WEB])
    const uses: ReclaimDeps['uses'] = {
      touch: (names) => deps.uses.touch(names),
      lastUses: async (names) => (calls++ === 0 ? first : deps.uses.lastUses(names)),
      keepOnly: (names) => deps.uses.keepOnly(names),
    }
    let calls = 0
    await reclaim({ ...deps, uses, materialise }, { keepBytes: bytesOf(app, web) - 1 })
    assert.deepEqual(cache.references, [APP])
  })

  it('evicts in its time what a clock noted that was ahead', async () => {
    const { cache } = await twoStored()
    let now = NOW + HOUR_MS
    const uses = new MemoryUses(() => now)
    await uses.touch([APP])
    now = NOW
    await uses.touch([WEB])
    const deps = { ...collecting(cache).deps, uses, now: () => now }
    const evicted = async (options: ReclaimOptions = {}) => {
      return (await reclaim(deps, { keepNewerMs: 100, ...options })).evicted.map(({ reference }) => reference)
    }
    assert.deepEqual(await evicted({ dryRun: true }), [])
    assert.equal((await uses.lastUses([APP])).get(APP), NOW + HOUR_MS)
    assert.deepEqual(await evicted(), [])
    now += 101
    assert.deepEqual(await evicted(), [APP, WEB])
  })

  it('evicts nothing while no blob may go', async () => {
    const { cache, web } = await twoStored()
    await cache.blobs.remove([web.root.digest])
    const { deps, touch } = collecting(cache)
    await touch(WEB)
    await cache.record({ type: 'ReferencePinned', reference: WEB })
    const report = await reclaim(deps, { keepBytes: 0 })
    assert.deepEqual([report.evicted, report.blobsKept?.code, cache.references], [[], 'BLOB_UNKNOWN', [APP, WEB]])
  })

  it('forgets the uses of names that are gone', async () => {
    const { cache } = await twoStored()
    const { deps, touch } = collecting(cache)
    await touch(APP, WEB, 'gone long ago')
    await cache.record({ type: 'ReferencePinned', reference: WEB })
    await reclaim(deps, { keepBytes: 0 })
    assert.deepEqual([...(await deps.uses.lastUses([APP, WEB, 'gone long ago'])).keys()], [WEB])
  })

  it('refuses a budget that is no number of bytes or milliseconds', async () => {
    const { deps } = collecting(new ACache())
    for (const budget of [{ keepBytes: -1 }, { keepBytes: 1.5 }, { keepNewerMs: Number.NaN }]) {
      await assert.rejects(reclaim(deps, budget), (error) => isHearthError(error, 'OPTION_INVALID'))
    }
  })
})

describe('a dry run of reclaim', () => {
  it('reports what the real one then does, and removes nothing', async () => {
    const { cache, app, web } = await twoStored()
    const { deps, touch } = collecting(cache)
    await touch(WEB)
    await touch(APP)
    await cache.materialise()
    const { head } = cache.log.state
    const budget = { keepBytes: bytesOf(app) }
    const planned = await reclaim(deps, { ...budget, dryRun: true })
    assert.deepEqual([cache.log.state.head, await cache.stored()], [head, digestsIn(app, web)])
    assert.deepEqual({ ...(await reclaim(deps, budget)), dryRun: true }, planned)
  })

  it('counts what other tools wrote to index.json as needed, and leaves the log and index.json as they are', async () => {
    const { cache } = await twoStored()
    await cache.materialise()
    await cache.writeAsOtherTool('other', await anImage({ seed: 'other' }))
    const before = [cache.log.state.head, cache.indexFile.bytes]
    const { deps } = collecting(cache)
    const report = await reclaim({ ...deps, now: () => NOW + HOUR_MS }, { dryRun: true })
    assert.equal(report.removedBlobs, 0)
    assert.deepEqual([cache.log.state.head, cache.indexFile.bytes], before)
  })

  it('counts what only an image needs that another tool took out of index.json as gone', async () => {
    const { cache, app, web } = await twoStored()
    await cache.materialise()
    cache.removeAsOtherTool(APP)
    const { deps } = collecting(cache)
    const planned = await reclaim(deps, { dryRun: true })
    assert.deepEqual([planned.removedBlobs, cache.references], [own(app, web).length, [APP, WEB]])
    assert.deepEqual({ ...(await reclaim(deps)), dryRun: true }, planned)
  })
})
