import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { anImage } from './an-image.js'
import { ask } from './ask.js'
import { spawnRegistry } from './spawn-registry.js'

describe('a registry in a process of its own', () => {
  it('serves the images it was told to, counts, and ends when told', async () => {
    const spec = { platforms: ['linux/amd64', 'linux/arm64'], layers: [{ seed: 'base', bytes: 1000 }, {}] }
    const image = await anImage(spec)
    const registry = await spawnRegistry({ images: [{ repository: 'team/app', tag: '1', ...spec }] })
    after(() => registry.stop())
    const [served] = registry.images
    assert.equal(served?.reference, `${registry.host}/team/app:1`)
    assert.equal(served?.digest, image.root.digest)
    assert.equal(served?.platforms['linux/arm64/v8']?.blobs, 3)

    const { body } = await ask(`http://${registry.host}/v2/team/app/manifests/1`)
    assert.deepEqual(body, image.blobs.get(image.root.digest))
    await ask(`http://${registry.host}/v2/team/app/blobs/${image.root.digest}`)
    assert.deepEqual(await registry.counts(), { requests: 2, manifests: 1, blobs: 1, tokens: 0, connections: 2 })

    await registry.stop()
    await assert.rejects(registry.counts())
  })

  it('takes the options of a raw registry', async () => {
    const registry = await spawnRegistry({ images: [], options: { auth: { kind: 'bearer' } } })
    after(() => registry.stop())
    assert.equal((await ask(`http://${registry.host}/v2/`)).status, 401)
  })
})
