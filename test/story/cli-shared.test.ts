import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { anImage, digestsOf } from '../support/an-image.js'
import { namesIn, soundBlobs } from '../support/cache-folder.js'
import { hearthOk } from '../support/hearth.js'
import { startRawRegistry } from '../support/raw-registry.js'
import { tempDir } from '../support/temp-dir.js'

describe('hearth pull of ten images that share layers', () => {
  it('asks for each blob and each manifest exactly once, and holds them all', async (t) => {
    const registry = await startRawRegistry({ latencyMs: 5 })
    t.after(() => registry.close())
    const base = { seed: 'base', bytes: 500_000 }
    const runtime = { seed: 'runtime', bytes: 200_000 }
    const images = await Promise.all(
      Array.from({ length: 10 }, (_, at) =>
        anImage({
          seed: `image-${at}`,
          platforms: ['linux/amd64', 'linux/arm64'],
          layers: [base, ...(at % 2 === 0 ? [runtime] : []), { bytes: 10_000 }],
        }),
      ),
    )
    const names = images.map((image, at) => registry.add(image, `library/image-${at}`, '1.0'))
    const cache = await tempDir()
    await hearthOk(['pull', ...names, '--platform', 'linux/amd64', '--cache', cache])
    const wanted = new Set(images.flatMap((image) => [...digestsOf(image, ['linux/amd64'])]))
    const paths = registry.requests.map(({ method, path }) => `${method} ${path}`)
    assert.equal(new Set(paths).size, paths.length, 'nothing twice')
    // 2 shared layers; a layer, a config, and by name and by digest two manifests of each image.
    assert.deepEqual(new Set(registry.blobRequests().values()), new Set([1]))
    assert.equal(registry.blobRequests().size, 2 + images.length * 2)
    assert.equal(registry.requestsFor({ kind: 'manifest' }).length, images.length * 2)
    assert.deepEqual(await soundBlobs(cache), wanted)
    const held = await namesIn(cache)
    for (const [at, name] of names.entries()) assert.equal(held.get(name), images[at]?.root.digest)
  })
})
