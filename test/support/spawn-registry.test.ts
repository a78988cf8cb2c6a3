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
    const { bytes, ...counts } = await registry.counts()
    assert.deepEqual(counts, { requests: 2, manifests: 1, blobs: 1, tokens: 0, connections: 2 })
    assert.ok(bytes > 2 * body.length, String(bytes))

    await registry.stop()
    await assert.rejects(registry.counts())
  })

  it('takes the options of a raw registry', async () => {
    const registry = await spawnRegistry({ images: [], options: { auth: { kind: 'bearer' } } })
    after(() => registry.stop())
    assert.equal((await ask(`http://${registry.host}/v2/`)).status, 401)
  })

  it('stops in the middle of a blob when its limit is reached, and goes on without one', async () => {
    const layers = [{ bytes: 2000 }]
    const { platforms } = await anImage({ layers })
    const { config, layers: [layer] = [] } = platforms.get('linux/amd64') ?? {}
    const registry = await spawnRegistry({ images: [{ repository: 'a', tag: '1', layers }] })
    after(() => registry.stop())
    const blob = (digest = ''): string => `http://${registry.host}/v2/a/blobs/${digest}`

    const limit = (config?.size ?? 0) + 1500
    await registry.limitBlobs(limit)
    assert.equal((await ask(blob(config?.digest))).body.length, config?.size)
    const reader = (await fetch(blob(layer?.digest))).body?.getReader()
    let read = 0
    while (read < 1500) read += (await reader?.read())?.value?.length ?? 0
    assert.equal(read, 1500)
    await reader?.cancel()

    await registry.limitBlobs()
    assert.equal((await ask(blob(layer?.digest))).body.length, layer?.size)
  })
})
