import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { listReferences } from '../../src/inventory/list.js'
import { nothingPinned, setPins } from '../../src/inventory/pin.js'
import { anImage } from '../support/an-image.js'
import { ACache, APP, twoStored, WEB } from './a-cache.js'

const pin = { pinned: true }

describe('setPins', () => {
  it('pins references, durably and in index.json', async () => {
    const { cache } = await twoStored()
    assert.deepEqual(await setPins(['app:1'], cache.deps, pin), { changed: [APP], unchanged: [], failed: [] })
    assert.deepEqual([...cache.log.state.pins.keys()], [APP])
    assert.deepEqual(
      (await listReferences(cache.indexFile)).map(({ reference, pinned }) => [reference, pinned]),
      [
        [APP, true],
        [WEB, false],
      ],
    )
  })

  it('takes pins off again', async () => {
    const { cache } = await twoStored()
    await setPins(['app:1', 'web:1'], cache.deps, pin)
    assert.deepEqual((await setPins(['app:1'], cache.deps, { pinned: false })).changed, [APP])
    assert.deepEqual([...cache.log.state.pins.keys()], [WEB])
  })

  it('writes nothing for what is so already, or named twice', async () => {
    const { cache } = await twoStored()
    await setPins(['app:1', APP], cache.deps, pin)
    const { head } = cache.log.state
    const again = await setPins(['app:1'], cache.deps, pin)
    assert.deepEqual([again, cache.log.state.head], [{ changed: [], unchanged: [APP], failed: [] }, head])
    assert.deepEqual((await setPins(['web:1'], cache.deps, { pinned: false })).unchanged, [WEB])
  })

  it('reports unknown names as failed, and pins the others', async () => {
    const { cache } = await twoStored()
    const { changed, failed } = await setPins(['nowhere', 'app:1'], cache.deps, pin)
    assert.deepEqual(
      [changed, failed.map(({ reference, failure }) => [reference, failure.code])],
      [[APP], [['nowhere', 'REFERENCE_UNKNOWN']]],
    )
    assert.deepEqual(nothingPinned(['a']).failed[0]?.failure.code, 'REFERENCE_UNKNOWN')
  })

  it('pins an image that another tool has just written', async () => {
    const cache = new ACache()
    await cache.materialise()
    await cache.writeAsOtherTool('other', await anImage())
    assert.deepEqual((await setPins(['other'], cache.deps, pin)).changed, ['other'])
  })
})
