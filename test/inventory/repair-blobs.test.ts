import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { BlobStat } from '../../src/blobs/blob-store.js'
import { MemoryBlobStore } from '../../src/blobs/memory-blob-store.js'
import { MemoryClaims } from '../../src/blobs/memory-claims.js'
import { type BlobRepairDeps, repairBlobs } from '../../src/inventory/repair-blobs.js'
import type { EventLog } from '../../src/log/event-log.js'
import type { Digest } from '../../src/oci/digest.js'
import { MemoryRegistry } from '../../src/registry/memory-registry.js'
import { anImage, type BuiltImage } from '../support/an-image.js'
import { MemoryPool } from '../support/memory-pool.js'
import { ACache, APP } from './a-cache.js'

describe('repairBlobs', () => {
  let blobs: MemoryBlobStore
  let cache: ACache
  let image: BuiltImage
  let layer: Digest
  /** All but the layer. */
  const sound = new Map<Digest, BlobStat>()

  beforeEach(async () => {
    blobs = new MemoryBlobStore()
    cache = new ACache(blobs)
    image = await anImage()
    await cache.store(APP, image)
    layer = image.platforms.get('linux/amd64')?.layers[0]?.digest ?? assert.fail()
    for (const digest of image.blobs.keys()) sound.set(digest, (await blobs.stat(digest)) ?? assert.fail())
    sound.delete(layer)
  })

  const save = async (): Promise<void> => {
    await blobs.commit([await blobs.stage(layer, image.blobs.get(layer) ?? assert.fail())])
  }
  const repair = (log: EventLog) => {
    const pool = new MemoryPool(new MemoryRegistry(), blobs)
    const refetch: BlobRepairDeps['refetch'] = async (missing) => assert.fail(`asks for ${missing.length} blobs`)
    const deps = { log, blobs, claims: new MemoryClaims(), pool, jobs: 1, refetch }
    return repairBlobs({ bad: [layer], images: cache.log.state.references, sound }, deps)
  }
  /** A log that has to be waited for, and what another process does meanwhile. */
  const overtaken = (work: () => Promise<void>): EventLog => {
    const { log } = cache
    let isOver = false
    const hold: EventLog['hold'] = async (held, options) => {
      if (!isOver) await work()
      isOver = true
      return log.hold(held, options)
    }
    return { hold, append: log.append, read: log.read, changed: log.changed, close: log.close }
  }

  const damages = {
    damaged: () => blobs.put(blobs.pathOf(layer), Buffer.from('rot')),
    missing: () => blobs.remove([layer]),
  }
  for (const [what, damage] of Object.entries(damages)) {
    it(`takes no blob away that came in the place of a ${what} one, by a way that takes no claim`, async () => {
      await damage()
      const repaired = await repair(overtaken(save))
      assert.deepEqual(repaired.sound.get(layer), (await blobs.stat(layer)) ?? assert.fail())
      assert.ok(cache.log.state.blobs.has(layer))
    })
  }
})
