import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { FsClaims } from '../../src/blobs/fs-claim.js'
import type { Descriptor } from '../../src/oci/descriptor.js'
import type { ProgressEvent } from '../../src/pull/progress.js'
import { aPull, type TestPull } from '../support/a-pull.js'
import { anImage, type BuiltImage } from '../support/an-image.js'
import { type RawRegistry, startRawRegistry } from '../support/raw-registry.js'
import * as steps from '../support/raw-steps.js'
import { tempDir } from '../support/temp-dir.js'

const blobGets = { kind: 'blob', method: 'GET' } as const
const ABORTED = { code: 'ABORTED' }

describe('a pull that is aborted', () => {
  let registry: RawRegistry
  let cache: TestPull
  let root: string
  let image: BuiltImage
  let name: string
  let stop: AbortController

  beforeEach(async () => {
    root = await tempDir()
    registry = await startRawRegistry()
    cache = aPull(root)
    image = await anImage({ layers: [{ bytes: 300_000 }] })
    name = registry.add(image, 'app', 'v1')
    stop = new AbortController()
  })
  afterEach(async () => {
    await cache.close()
    await registry.close()
  })

  const pullUntil = (when: (event: ProgressEvent) => boolean) =>
    cache.pull([name], { signal: stop.signal, onProgress: (event) => when(event) && stop.abort() })

  it('does nothing at all when that was before it began', async () => {
    const events: ProgressEvent[] = []
    const signal = AbortSignal.abort()
    await assert.rejects(cache.pull([name], { signal, onProgress: (event) => events.push(event) }), ABORTED)
    assert.deepEqual([events, registry.requests.length, cache.log.state.head.position], [[], 0, 0])
  })

  const moments: readonly ProgressEvent['type'][] = [
    'image-started',
    'image-resolved',
    'image-planned',
    'blob-started',
    'blob-done',
  ]
  for (const moment of moments) {
    it(`has stopped when it says so, in the moment of ${moment}`, async () => {
      await assert.rejects(
        pullUntil(({ type }) => type === moment),
        ABORTED,
      )
      const { position } = cache.log.state.head
      assert.equal(cache.log.state.references.size, 0)
      assert.equal(getEventListeners(stop.signal, 'abort').length, 0)
      // Whatever was begun has let go of its claim, and adds nothing later.
      const claims = new FsClaims(root)
      for (const { digest } of blobsOf(image)) {
        const claim = await claims.tryClaim(digest)
        assert.ok(claim)
        await claim.release()
      }
      await turns(20)
      assert.equal(cache.log.state.head.position, position)
      const { results } = await cache.pull([name])
      assert.equal(results[0]?.ok, true)
    })
  }

  it('records no reference when the last blob had just come', async () => {
    const leaves = blobsOf(image)
    let done = 0
    const running = pullUntil(({ type }) => {
      done += type === 'blob-done' ? 1 : 0
      return done === leaves.length
    })
    await assert.rejects(running, ABORTED)
    assert.equal(cache.log.state.references.size, 0)
    // What was committed by then counts.
    registry.requests.length = 0
    await cache.pull([name])
    assert.equal(registry.requestsFor(blobGets).length, 0)
  })

  it('records no reference when its manifests were just being committed', async () => {
    const stage = cache.blobs.stage.bind(cache.blobs)
    cache.blobs.stage = async (...manifest) => {
      stop.abort()
      return stage(...manifest)
    }
    await assert.rejects(cache.pull([name], { signal: stop.signal }), ABORTED)
    await turns(20)
    assert.equal(cache.log.state.references.size, 0)
  })

  it('brings index.json up to what was recorded before', async () => {
    const [other] = [registry.add(await anImage({ seed: 'quick' }), 'quick', 'v1')]
    registry.always({ ...blobGets, path: /app/ }, steps.hangAfter(0))
    const running = cache.pull([other, name], {
      signal: stop.signal,
      onProgress: ({ type }) => type === 'image-done' && stop.abort(),
    })
    await assert.rejects(running, ABORTED)
    assert.deepEqual([...cache.log.state.references.keys()], [other])
    assert.equal(cache.materialised.at(-1), cache.log.state.head.position)
  })

  it('leaves no timer behind, however long a server asked to wait', async () => {
    registry.always({}, steps.tooManyRequests(60))
    const asked = registry.nextRequest()
    const running = cache.pull([name], { signal: stop.signal })
    await asked
    await until(() => cache.progress.some(({ type }) => type === 'request-retry'))
    stop.abort()
    await assert.rejects(running, ABORTED)
    await cache.close()
    assert.deepEqual(
      process.getActiveResourcesInfo().filter((name) => name === 'Timeout'),
      [],
    )
  })

  const hanging: readonly [string, Parameters<RawRegistry['always']>][] = [
    ['a manifest does not come', [{ kind: 'manifest' }, steps.hangAfter(0)]],
    ['a blob does not come', [blobGets, steps.hangAfter(0)]],
    ['a blob stops in the middle', [blobGets, steps.hangAfter(1000)]],
    ['it waits for a server that asked for a pause', [{}, steps.tooManyRequests(60)]],
  ]
  for (const [when, script] of hanging) {
    it(`ends within two seconds while ${when}`, async () => {
      registry.always(...script)
      const running = cache.pull([name], { signal: stop.signal })
      await registry.nextRequest(script[0])
      await turns(5)
      const started = performance.now()
      stop.abort()
      await assert.rejects(running, ABORTED)
      assert.ok(performance.now() - started < 2000)
    })
  }
})

function blobsOf({ platforms }: BuiltImage): readonly Descriptor[] {
  return [...platforms.values()].flatMap(({ config, layers }) => [config, ...layers])
}

async function until(reached: () => boolean): Promise<void> {
  while (!reached()) await turns(1)
}

/** Lets the event loop go round, so that what is only waiting for its turn gets it. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}
