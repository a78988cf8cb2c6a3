import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmod, open } from 'node:fs/promises'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { HearthError } from '../../src/errors.js'
import { parsePlatform } from '../../src/oci/platform.js'
import type { PulledImage, PullResult } from '../../src/pull/report.js'
import { aPull, type TestPull } from '../support/a-pull.js'
import { anImage, type BuiltImage } from '../support/an-image.js'
import { type RawRegistry, startRawRegistry } from '../support/raw-registry.js'
import { tempDir } from '../support/temp-dir.js'

const PLATFORMS = ['linux/amd64', 'linux/arm64']

describe('pullImage', () => {
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

  describe('counts what it fetched', () => {
    it('of everything that came over the network, and nothing else', async () => {
      const image = await anImage({ platforms: PLATFORMS })
      const [result] = pulled(await cache.pull([registry.add(image, 'app', 'v1')]))
      const amd64 = image.platforms.get('linux/amd64')
      const parts = [image.root, amd64?.manifest, amd64?.config, ...(amd64?.layers ?? [])]
      const bytes = parts.reduce((sum, part) => sum + (part?.size ?? 0), 0)
      assert.deepEqual([result?.fetchedBytes, result?.fetchedBlobs, result?.size], [bytes, parts.length, bytes])
    })

    it('of the config too, which a strict pull has looked at before', async () => {
      const image = await anImage()
      const [result] = pulled(await cache.pull([registry.add(image, 'app', 'v1')], { strict: true }))
      assert.equal(result?.fetchedBytes, sizeOf(image))
      assert.equal(result?.fetchedBlobs, image.blobs.size)
    })

    it('once, for a reference that is given twice', async () => {
      const image = await anImage({ layers: [{ bytes: 100_000 }] })
      const name = registry.add(image, 'app', 'v1')
      const results = pulled(await cache.pull([name, name]))
      assert.equal(results[0]?.fetchedBytes, sizeOf(image) - (results[1]?.fetchedBytes ?? 0))
      assert.equal(cache.log.state.references.size, 1)
      assert.equal(registry.requests.length, image.blobs.size)
    })

    it('in each round, when another process added a platform meanwhile', async () => {
      const image = await anImage({ platforms: PLATFORMS })
      const name = registry.add(image, 'app', 'v1')
      let other = true
      const { stage } = cache.blobs
      cache.blobs.stage = async (...manifest) => {
        if (other) {
          other = false
          await cache.pull([name], { wanted: [parsePlatform('linux/arm64')] })
        }
        return stage.apply(cache.blobs, manifest)
      }
      const [result] = pulled(await cache.pull([name]))
      assert.deepEqual(result?.platforms, ['linux/amd64', 'linux/arm64/v8'])
      assert.ok((result?.fetchedBytes ?? 0) > (image.platforms.get('linux/amd64')?.layers[0]?.size ?? 0))
    })
  })

  it('leaves no failed commit unheard while the next manifest is being staged', async () => {
    const image = await anImage({ platforms: PLATFORMS })
    const { stage, commit } = cache.blobs
    const full = new HearthError('NO_SPACE', 'full')
    cache.blobs.commit = async (ingests) => {
      if (ingests.some(({ digest }) => image.manifests.has(digest))) throw full
      return commit.call(cache.blobs, ingests)
    }
    cache.blobs.stage = async (...manifest) => {
      // Longer than a failing commit takes.
      for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
      return stage.apply(cache.blobs, manifest)
    }
    const { results } = await cache.pull([registry.add(image, 'app', 'v1')])
    assert.equal(codeOf(results[0]), 'NO_SPACE')
  })

  it('fetches a manifest again that was damaged without a trace in its size and time', async () => {
    const image = await anImage({ platforms: PLATFORMS })
    const name = registry.add(image, 'app', 'v1')
    await cache.pull([name])
    registry.requests.length = 0
    for (const { digest } of [image.root, image.platforms.get('linux/amd64')?.manifest ?? assert.fail()]) {
      await damage(cache.blobs.pathOf(digest))
    }
    const [result] = pulled(await cache.pull([name]))
    assert.equal(result?.fetchedBlobs, 2)
    assert.deepEqual(
      registry.requests.map(({ kind }) => kind),
      ['manifest', 'manifest'],
    )
    assert.equal((await cache.blobs.read(image.root.digest, { maxBytes: 10_000 })).length, image.root.size)
  })
})

function sizeOf({ blobs }: BuiltImage): number {
  return [...blobs.values()].reduce((sum, { length }) => sum + length, 0)
}

/** One bit, as a bad disk would: the file's time stays what it was. */
async function damage(path: string): Promise<void> {
  const times = `${path}.times`
  execFileSync('touch', ['-r', path, times])
  await chmod(path, 0o644)
  const file = await open(path, 'r+')
  const byte = Buffer.alloc(1)
  await file.read(byte, 0, 1, 10)
  await file.write(Uint8Array.of((byte[0] ?? 0) ^ 1), 0, 1, 10)
  await file.close()
  execFileSync('touch', ['-r', times, path])
}

function pulled({ results }: { readonly results: readonly PullResult[] }): PulledImage[] {
  return results.map((result) => {
    assert.ok(result.ok, result.ok ? '' : `${result.failure.code}: ${result.failure.message}`)
    return result
  })
}

function codeOf(result: PullResult | undefined): string | undefined {
  return result?.ok === false ? result.failure.code : 'it succeeded'
}
