import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { MemoryBlobStore } from '../../src/blobs/memory-blob-store.js'
import { restoreReferences } from '../../src/history/restore.js'
import { lastPosition, type Moment, stateAt } from '../../src/history/state-at.js'
import { clean, removeReferences } from '../../src/inventory/remove.js'
import { Jobs } from '../../src/pull/abortable.js'
import type { HoldingsDeps } from '../../src/pull/holdings.js'
import { Recorder } from '../../src/pull/recorder.js'
import { SingleFlight } from '../../src/pull/single-flight.js'
import { MemoryRegistry } from '../../src/registry/memory-registry.js'
import { ACache, APP, digestsIn, twoImages, WEB } from '../inventory/a-cache.js'
import { anImage, type BuiltImage, digestsOf } from '../support/an-image.js'
import { MemoryPool } from '../support/memory-pool.js'

describe('restoreReferences', () => {
  let cache: ACache
  let app: BuiltImage
  let web: BuiltImage
  let deps: HoldingsDeps
  beforeEach(async () => {
    cache = new ACache()
    ;[app, web] = await twoImages()
    const { log, blobs, leases } = cache
    const pool = new MemoryPool(new MemoryRegistry(), blobs)
    const materialise = async () => {}
    const recorder = new Recorder({ log, blobs, materialise, durability: 'full', boot: 'boot', now: () => 0 })
    deps = { log, blobs, leases, pool, recorder, boot: 'boot', jobs: new Jobs(), verifying: new SingleFlight() }
  })

  const restore = async (moment: Moment, ...names: string[]) =>
    restoreReferences(names, (await stateAt(cache.log, moment)).state.references, { deps })
  const rootOf = (name: string) => cache.log.state.references.get(name)?.descriptor.digest

  it('sets a moved name back to what it was, and says in the log that it did', async () => {
    await cache.store(APP, app)
    const then = await lastPosition(cache.log)
    await cache.store(APP, web)
    const report = await restore(then, 'app:1')
    assert.deepEqual(report, { restored: [{ reference: APP, digest: app.root.digest, changed: true }], failed: [] })
    const { origin, platforms } = cache.log.state.references.get(APP) ?? {}
    assert.deepEqual([rootOf(APP), origin, platforms], [app.root.digest, 'restored', ['linux/amd64']])
  })

  it('sets a removed name whose blobs another image or name kept', async () => {
    await cache.store(APP, app)
    await cache.store(WEB, app)
    const then = await lastPosition(cache.log)
    await removeReferences([APP], cache.deps)
    assert.equal((await restore(then, 'app:1')).failed.length, 0)
    assert.equal(rootOf(APP), app.root.digest)
  })

  it('writes nothing for what is so already', async () => {
    await cache.store(APP, app)
    const { head } = cache.log.state
    const { restored } = await restore(head.position, 'app:1')
    assert.deepEqual([restored[0]?.changed, cache.log.state.head], [false, head])
  })

  it('says which blobs are missing, sets nothing, and restores the others', async () => {
    await cache.store(APP, app)
    await cache.store(WEB, web)
    const then = await lastPosition(cache.log)
    const [layer] = [...app.blobs.keys()].filter((digest) => !web.blobs.has(digest) && digest !== app.root.digest)
    assert.ok(layer)
    await cache.blobs.remove([layer])
    await cache.record({ type: 'ReferenceRemoved', reference: APP }, { type: 'ReferenceRemoved', reference: WEB })
    const { restored, failed } = await restore(then, 'app:1', 'web:1', 'nowhere')
    assert.deepEqual(
      failed.map(({ reference, failure, missing }) => [reference, failure.code, missing]),
      [
        [APP, 'BLOB_UNKNOWN', [layer]],
        ['nowhere', 'REFERENCE_UNKNOWN', []],
      ],
    )
    assert.deepEqual([restored.map(({ reference }) => reference), cache.references], [[WEB], [WEB]])
  })

  it('says that all is missing after it was collected', async () => {
    await cache.store(APP, app)
    const then = await lastPosition(cache.log)
    await clean(cache.deps)
    assert.deepEqual((await restore(then, 'app:1')).failed[0]?.missing, [app.root.digest])
  })

  it('needs only the platforms that were complete', async () => {
    const image = await anImage({ platforms: ['linux/amd64', 'linux/arm64'] })
    await cache.store(APP, image, { platforms: ['linux/arm64/v8'] })
    const then = await lastPosition(cache.log)
    await cache.record({ type: 'ReferenceRemoved', reference: APP })
    assert.equal((await restore(then, 'app:1')).failed.length, 0)
    assert.deepEqual(await cache.stored(), [...digestsOf(image, ['linux/arm64/v8'])].sort())
  })

  it('hashes blobs that the log does not vouch for, and records them', async () => {
    await cache.store(APP, app)
    const then = await lastPosition(cache.log)
    const planned = { type: 'RemovalPlanned', digests: [...app.blobs.keys()] } as const
    await cache.record({ type: 'ReferenceRemoved', reference: APP }, planned)
    assert.equal((await restore(then, 'app:1')).failed.length, 0)
    assert.deepEqual([...cache.log.state.blobs.keys()].sort(), digestsIn(app))
  })

  it('takes a damaged blob for a missing one', async () => {
    await cache.store(APP, app)
    const then = await lastPosition(cache.log)
    await cache.record({ type: 'ReferenceRemoved', reference: APP })
    const layer = app.platforms.get('linux/amd64')?.layers[0]?.digest ?? assert.fail()
    assert.ok(cache.blobs instanceof MemoryBlobStore)
    cache.blobs.put(cache.blobs.pathOf(layer), Buffer.alloc(app.blobs.get(layer)?.length ?? 0))
    assert.deepEqual((await restore(then, 'app:1')).failed[0]?.missing, [layer])
  })

  it('keeps collectors from what it is restoring', async () => {
    await cache.store(APP, app)
    const then = await lastPosition(cache.log)
    await cache.record({ type: 'ReferenceRemoved', reference: APP })
    await restore(then, 'app:1')
    assert.deepEqual([...(await cache.leases.leased())].sort(), digestsIn(app))
  })
})
