import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemoryBlobStore } from '../../src/blobs/memory-blob-store.js'
import { isHearthError } from '../../src/errors.js'
import { listReferences } from '../../src/inventory/list.js'
import { removeReferences } from '../../src/inventory/remove.js'
import { parseIndex } from '../../src/materialise/image-index.js'
import { aDigest, referenceSet } from '../support/a-log.js'
import { anImage } from '../support/an-image.js'
import { ACache, APP, digestsIn, twoStored, WEB } from './a-cache.js'

/** Lets something happen before the next read. */
class InterruptedStore extends MemoryBlobStore {
  interrupt: (() => Promise<void>) | undefined

  override async read(...given: Parameters<MemoryBlobStore['read']>): Promise<Uint8Array> {
    const interrupt = this.interrupt
    this.interrupt = undefined
    await interrupt?.()
    return super.read(...given)
  }
}

describe('commitRemoval', () => {
  it('decides again when another process recorded something meanwhile', async () => {
    const blobs = new InterruptedStore()
    const { cache, web } = await twoStored(new ACache(blobs))
    // Between the decision and its record, a pull of a third image finishes that needs the layer of the first.
    const third = await anImage({ seed: 'third', layers: [{ seed: 'app layer' }] })
    blobs.interrupt = () => cache.store('docker.io/library/third:1', third)
    await removeReferences([APP], cache.deps)
    assert.deepEqual(await cache.stored(), digestsIn(web, third))
  })

  it('takes over what another tool wrote to index.json before it decides', async () => {
    const { cache, web } = await twoStored()
    const other = await anImage({ seed: 'other', layers: [{ seed: 'app layer' }] })
    await cache.materialise()
    await cache.writeAsOtherTool('other', other)
    await removeReferences([APP], cache.deps)
    assert.deepEqual(cache.references, [WEB, 'other'])
    assert.deepEqual(await cache.stored(), digestsIn(web, other))
    assert.deepEqual(
      (await listReferences(cache.indexFile)).map(({ reference }) => reference),
      [WEB, 'other'],
    )
  })

  it('keeps what another tool writes between the decision and its record', async () => {
    const blobs = new InterruptedStore()
    const { cache, web } = await twoStored(new ACache(blobs))
    const other = await anImage({ seed: 'other', layers: [{ seed: 'app layer' }] })
    blobs.interrupt = () => cache.writeAsOtherTool('other', other)
    await removeReferences([APP], cache.deps)
    assert.deepEqual(await cache.stored(), digestsIn(web, other))
  })

  it('leaves index.json at the end of the log', async () => {
    const { cache } = await twoStored()
    await removeReferences([APP], cache.deps)
    const { head } = parseIndex(cache.indexFile.bytes ?? assert.fail())
    assert.deepEqual(head, cache.log.state.head)
  })

  it('gives up with LOG_CONFLICT when the log never rests', async () => {
    const { cache } = await twoStored()
    let count = 0
    const materialise: ACache['deps']['materialise'] = async (held) => {
      count += 1
      await held.append([
        referenceSet(`busy-${count}`, { descriptor: { mediaType: 'a/b', digest: aDigest('x'), size: 1 } }),
      ])
    }
    const removal = removeReferences([APP], { ...cache.deps, materialise })
    await assert.rejects(removal, (error) => isHearthError(error, 'LOG_CONFLICT'))
    assert.ok(cache.references.includes(APP))
  })
})
