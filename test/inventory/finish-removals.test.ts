import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemoryBlobStore } from '../../src/blobs/memory-blob-store.js'
import { HearthError, isHearthError } from '../../src/errors.js'
import { finishRemovals } from '../../src/inventory/finish-removals.js'
import { removeReferences } from '../../src/inventory/remove.js'
import type { Digest } from '../../src/oci/digest.js'
import { anImage, type BuiltImage } from '../support/an-image.js'
import { ACache, digestsIn } from './a-cache.js'

const APP = 'docker.io/library/app:1'

/** A removal that was killed after its plan was recorded, before the first blob was unlinked. */
async function killedRemoval(): Promise<{ cache: ACache; app: BuiltImage }> {
  const cache = new ACache()
  const app = await anImage({ seed: 'app', layers: [{}, {}] })
  await cache.store(APP, app)
  const digests = [...app.blobs.keys()]
  await cache.record({ type: 'ReferenceRemoved', reference: APP }, { type: 'RemovalPlanned', digests })
  return { cache, app }
}

function finish(cache: ACache): ReturnType<typeof finishRemovals> {
  return cache.log.hold((held) => finishRemovals(held, cache.deps))
}

async function commit(cache: ACache, digest: Digest, bytes: Uint8Array): Promise<void> {
  const [committed] = await cache.blobs.commit([await cache.blobs.stage(digest, bytes)])
  await cache.record({ type: 'BlobCommitted', ...(committed ?? assert.fail()), durable: true, boot: 'boot' })
}

describe('finishRemovals', () => {
  it('carries out the plan that a crash left, once', async () => {
    const { cache, app } = await killedRemoval()
    assert.deepEqual(await finish(cache), new Map([...app.blobs].map(([digest, bytes]) => [digest, bytes.length])))
    assert.deepEqual([await cache.stored(), cache.log.state.removals.size], [[], 0])
    const { position } = cache.log.state.head
    assert.deepEqual(await finish(cache), new Map())
    assert.equal(cache.log.state.head.position, position)
  })

  it('is part of the next removal', async () => {
    const { cache } = await killedRemoval()
    const web = await anImage({ seed: 'web' })
    await cache.store('docker.io/library/web:1', web)
    await removeReferences(['nowhere'], cache.deps)
    assert.deepEqual(await cache.stored(), digestsIn(web))
  })

  it('goes on where a crash between two blobs stopped it', async () => {
    const { cache, app } = await killedRemoval()
    const [first] = app.blobs.keys()
    await cache.blobs.remove([first ?? assert.fail()])
    assert.equal((await finish(cache)).size, app.blobs.size - 1)
    assert.deepEqual(await cache.stored(), [])
  })

  it('keeps what was pulled again since the plan', async () => {
    const { cache, app } = await killedRemoval()
    await cache.store(APP, app)
    await finish(cache)
    assert.deepEqual([await cache.stored(), cache.log.state.removals.size], [digestsIn(app), 0])
  })

  it('keeps a leased blob, and takes it once its pull has failed', async () => {
    const { cache, app } = await killedRemoval()
    await cache.leases.lease([app.root.digest])
    await finish(cache)
    assert.deepEqual([await cache.stored(), cache.log.state.removals.size], [[app.root.digest], 1])
    await cache.leases.release()
    await finish(cache)
    assert.deepEqual([await cache.stored(), cache.log.state.removals.size], [[], 0])
  })

  it('keeps a leased blob for good once its pull has recorded it', async () => {
    const { cache, app } = await killedRemoval()
    const bytes = app.blobs.get(app.root.digest) ?? assert.fail()
    await cache.leases.lease([app.root.digest])
    await finish(cache)
    await commit(cache, app.root.digest, bytes)
    await cache.leases.release()
    await finish(cache)
    assert.deepEqual([await cache.stored(), cache.log.state.removals.size], [[app.root.digest], 0])
  })

  it('keeps what a reference needs that another tool wrote since the plan', async () => {
    const { cache, app } = await killedRemoval()
    await cache.record({
      type: 'ReferenceSet',
      reference: 'app',
      descriptor: app.root,
      platforms: [],
      origin: 'adopted',
    })
    await finish(cache)
    assert.deepEqual([await cache.stored(), cache.log.state.removals.size], [digestsIn(app), 0])
  })

  it('waits while such a reference cannot be read', async () => {
    const { cache, app } = await killedRemoval()
    assert.ok(cache.blobs instanceof MemoryBlobStore)
    cache.blobs.put(cache.blobs.pathOf(app.root.digest), Buffer.from('damaged'))
    await cache.record({
      type: 'ReferenceSet',
      reference: 'app',
      descriptor: app.root,
      platforms: [],
      origin: 'adopted',
    })
    await finish(cache)
    assert.deepEqual([await cache.stored(), cache.log.state.removals.size], [digestsIn(app), 1])
  })

  it('removes no blob before index.json is free of the names', async () => {
    const { cache, app } = await killedRemoval()
    const materialise = () => Promise.reject(new HearthError('STORE_BUSY', 'locked'))
    const finished = cache.log.hold((held) => finishRemovals(held, { ...cache.deps, materialise }))
    await assert.rejects(finished, (error) => isHearthError(error, 'STORE_BUSY'))
    assert.deepEqual(await cache.stored(), digestsIn(app))
  })

  it('carries out only the plans it is asked for', async () => {
    const { cache } = await killedRemoval()
    const [plan] = cache.log.state.removals.keys()
    const removed = await cache.log.hold((held) => finishRemovals(held, cache.deps, [(plan ?? 0) + 1]))
    assert.equal(removed.size, 0)
    assert.equal(cache.log.state.removals.size, 1)
  })
})
