import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { parsePlatform } from '../../src/oci/platform.js'
import type { PullResult } from '../../src/pull/report.js'
import { aPull, type TestPull } from '../support/a-pull.js'
import { anImage, digestsOf } from '../support/an-image.js'
import { type RawRegistry, startRawRegistry } from '../support/raw-registry.js'
import * as steps from '../support/raw-steps.js'
import { tempDir } from '../support/temp-dir.js'

const codeOf = (result: PullResult | undefined): string => (result?.ok === false ? result.failure.code : 'ok')

describe('a pull of images with wishes of their own', () => {
  let registry: RawRegistry
  let cache: TestPull

  beforeEach(async () => {
    registry = await startRawRegistry()
    cache = aPull(await tempDir())
  })
  afterEach(async () => {
    await cache.close()
    await registry.close()
  })

  const held = async () => {
    const found = new Set<string>()
    for await (const { digest } of cache.blobs.list()) if (digest !== undefined) found.add(digest)
    return found
  }

  it('says first how many there are', async () => {
    const name = registry.add(await anImage(), 'app', 'v1')
    await cache.pull([name, { reference: 'not a name' }])
    assert.deepEqual(cache.progress[0], { type: 'job-started', images: 2 })
  })

  it('fetches for each the platforms that it wants', async () => {
    const [a, b] = [
      await anImage({ seed: 'a', platforms: ['linux/amd64', 'linux/arm64'] }),
      await anImage({ seed: 'b', platforms: ['linux/amd64', 'linux/arm64'] }),
    ]
    await cache.pull([
      registry.add(a, 'a', '1'),
      { reference: registry.add(b, 'b', '1'), wanted: [parsePlatform('linux/arm64')] },
    ])
    assert.deepEqual(await held(), new Set([...digestsOf(a, ['linux/amd64']), ...digestsOf(b, ['linux/arm64/v8'])]))
  })

  it('refuses a plain image that was made for another platform than its own wish', async () => {
    const reference = registry.add(await anImage({ platforms: ['linux/amd64'] }), 'plain', '1')
    const { results } = await cache.pull([{ reference, wanted: [parsePlatform('linux/arm64')] }])
    assert.equal(codeOf(results[0]), 'PLATFORM_UNKNOWN')
  })

  describe('with a digest', () => {
    it('gives the tag that digest, although the tag has moved on', async () => {
      const [locked, newer] = [await anImage({ seed: 'locked' }), await anImage({ seed: 'newer' })]
      const reference = registry.add(locked, 'app', 'v1')
      registry.add(newer, 'app', 'v1')
      const { results } = await cache.pull([{ reference, digest: locked.root.digest }])
      assert.equal(codeOf(results[0]), 'ok')
      assert.deepEqual(await held(), digestsOf(locked))
      assert.equal(cache.log.state.references.get(reference)?.descriptor.digest, locked.root.digest)
      assert.deepEqual([...cache.log.state.references.keys()], [reference])
    })

    it('moves the tag back to it, and asks for nothing once it is there', async () => {
      const [locked, newer] = [await anImage({ seed: 'locked' }), await anImage({ seed: 'newer' })]
      registry.add(locked, 'app', 'v1')
      const reference = registry.add(newer, 'app', 'v1')
      await cache.pull([reference])
      await cache.pull([{ reference, digest: locked.root.digest }])
      assert.equal(cache.log.state.references.get(reference)?.descriptor.digest, locked.root.digest)
      registry.requests.length = 0
      for (const policy of ['missing', 'newer', 'always', 'never'] as const) {
        await cache.pull([{ reference, digest: locked.root.digest }], { policy })
      }
      assert.equal(registry.requests.length, 0)
    })

    it('is not had without asking while another digest is here', async () => {
      const reference = registry.add(await anImage({ seed: 'one' }), 'app', 'v1')
      await cache.pull([reference])
      const { digest } = (await anImage({ seed: 'other' })).root
      const { results } = await cache.pull([{ reference, digest }], { policy: 'never' })
      assert.equal(codeOf(results[0]), 'REFERENCE_UNKNOWN')
    })

    it('fails when the registry no longer has it', async () => {
      const reference = registry.add(await anImage({ seed: 'one' }), 'app', 'v1')
      const { digest } = (await anImage({ seed: 'gone' })).root
      const { results } = await cache.pull([{ reference, digest }])
      assert.equal(codeOf(results[0]), 'MANIFEST_UNKNOWN')
    })
  })

  it('refuses what has no room on the disk before its first layer, and pulls the others', async () => {
    const [small, large] = [
      await anImage({ seed: 'small' }),
      await anImage({ seed: 'l', layers: [{ bytes: 200_000 }] }),
    ]
    const names = [registry.add(small, 'small', '1'), registry.add(large, 'large', '1')]
    const full = aPull(await tempDir(), {
      disk: { free: async () => 64 * 1024 * 1024 + 100_000, partial: async () => 0 },
    })
    const { results } = await full.pull(names)
    await full.close()
    assert.deepEqual(results.map(codeOf), ['ok', 'NO_SPACE'])
    const asked = new Set(registry.blobRequests().keys())
    for (const { digest } of large.platforms.get('linux/amd64')?.layers ?? []) assert.ok(!asked.has(digest))
  })

  describe('that fails fast', () => {
    it('ends the others with the first failure', async () => {
      const slow = registry.add(await anImage({ seed: 'slow' }), 'slow', '1')
      registry.always({ kind: 'blob' }, steps.delayed(new Promise(() => {})))
      const { results } = await cache.pull([slow, `${registry.host}/none:1`], { failFast: true })
      assert.deepEqual(results.map(codeOf), ['ABORTED', 'NAME_UNKNOWN'])
    })

    it('starts nothing after it', async () => {
      const names = Array.from({ length: 70 }, (_, number) => `${registry.host}/none${number}:1`)
      const { results } = await cache.pull(['Not A Name', ...names], { failFast: true })
      assert.deepEqual(results.slice(1).map(codeOf), Array(70).fill('ABORTED'))
      assert.ok(registry.requests.length <= 64, String(registry.requests.length))
    })

    it('ends nothing when nothing fails', async () => {
      const names = await Promise.all(['a', 'b'].map(async (seed) => registry.add(await anImage({ seed }), seed, '1')))
      const { results } = await cache.pull(names, { failFast: true })
      assert.deepEqual(results.map(codeOf), ['ok', 'ok'])
    })
  })
})
