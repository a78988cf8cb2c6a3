import assert from 'node:assert/strict'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { Cache } from '../../src/api.js'
import { openCache } from '../../src/cache.js'
import type { PullOptions } from '../../src/call-options.js'
import type { DigestAlgorithm } from '../../src/oci/digest.js'
import { digestBytes } from '../../src/oci/hasher.js'
import type { PulledImage, PullResult } from '../../src/pull/report.js'
import { anImage, type BuiltImage, digestsOf } from '../support/an-image.js'
import { type RawRegistry, startRawRegistry } from '../support/raw-registry.js'
import * as steps from '../support/raw-steps.js'
import { tempDir } from '../support/temp-dir.js'

const PLATFORMS = ['linux/amd64', 'linux/arm64']
const AMD64 = { platforms: ['linux/amd64'] }
const blobs = { kind: 'blob', method: 'GET' } as const

for (const algorithm of ['sha512', 'blake3'] as const satisfies readonly DigestAlgorithm[]) {
  describe(`an image of ${algorithm} digests`, () => {
    let registry: RawRegistry
    let cache: Cache
    let image: BuiltImage
    let name: string

    beforeEach(async () => {
      registry = await startRawRegistry()
      cache = await openCache({
        path: join(await tempDir(), 'cache'),
        env: {},
        retry: { minDelayMs: 1, maxDelayMs: 1 },
      })
      image = await anImage({ algorithm, platforms: PLATFORMS, layers: [{ bytes: 3_000_000 }, {}] })
      name = registry.add(image, 'app', 'v1')
    })
    afterEach(async () => {
      await cache.close()
      await registry.close()
    })

    const pull = async (reference: string, options: PullOptions = {}): Promise<PullResult> => {
      const [result] = (await cache.pull(reference, options)).results
      return result ?? assert.fail('there is one result for each')
    }
    const pulled = async (reference: string, options: PullOptions = {}): Promise<PulledImage> => {
      const result = await pull(reference, options)
      assert.ok(result.ok, JSON.stringify(result))
      assert.deepEqual((await cache.verify()).problems, [])
      return result
    }
    const held = async (reference: string) => {
      const { presentBytes } = await cache.inspect(reference)
      return presentBytes
    }
    const sizeOf = (platforms?: readonly string[]) =>
      [...digestsOf(image, platforms)].reduce((sum, digest) => sum + (image.blobs.get(digest)?.length ?? 0), 0)

    it('stores it under these digests, by a tag', async () => {
      const { digest, platforms } = await pulled(name, AMD64)
      assert.deepEqual([digest, platforms], [image.root.digest, ['linux/amd64']])
      assert.equal(await held(name), sizeOf(['linux/amd64']))
    })

    it('stores it by its digest, all platforms', async () => {
      const pinned = registry.add(image, 'app')
      const { digest } = await pulled(pinned, { platforms: ['all'] })
      assert.equal(digest, image.root.digest)
      assert.equal(await held(pinned), sizeOf())
    })

    it('goes on in the middle of a layer', async () => {
      const [layer] = image.platforms.get('linux/amd64')?.layers ?? []
      const large = { ...blobs, ...(layer && { digest: layer.digest }) }
      registry.script(large, steps.resetAfter(1_000_000))
      await pulled(name, AMD64)
      assert.match(String(registry.requestsFor(large)[1]?.headers.range), /^bytes=\d+-/)
    })

    it('refuses other bytes under its digest', async () => {
      registry.always(
        { ...blobs, digest: image.platforms.get('linux/amd64')?.layers[1]?.digest ?? assert.fail() },
        steps.wrongByte(9),
      )
      const result = await pull(name, AMD64)
      assert.equal(result.ok === false && result.failure.code, 'DIGEST_MISMATCH')
      assert.deepEqual(await cache.list(), [])
    })

    it('names the root by sha256 where the registry does not say its digest', async () => {
      const quiet = await startRawRegistry({ digestHeader: false })
      const { digest } = await pulled(quiet.add(image, 'app', 'v1'), AMD64)
      const bytes = image.blobs.get(image.root.digest) ?? assert.fail()
      assert.equal(digest, await digestBytes(bytes))
      await quiet.close()
    })
  })
}
