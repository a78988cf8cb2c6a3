/** Mirrors help, and never harm: RELIABILITY section 6, rows 8, 9 and 13, with a mirror before the registry. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { aPull, type TestPull, type TestPullOptions } from '../support/a-pull.js'
import { anImage } from '../support/an-image.js'
import { type RawRegistry, startRawRegistry } from '../support/raw-registry.js'
import * as steps from '../support/raw-steps.js'
import { tempDir } from '../support/temp-dir.js'

const IMAGE = await anImage({ layers: [{}, {}] })
const MANIFEST = { kind: 'manifest' } as const
const BLOB = { kind: 'blob', method: 'GET' } as const

interface Parts {
  readonly mirror: RawRegistry
  readonly registry: RawRegistry
  readonly cache: TestPull
}

async function withMirror(use: (parts: Parts) => Promise<void>, options: TestPullOptions = {}): Promise<void> {
  const [mirror, registry] = [await startRawRegistry(), await startRawRegistry()]
  const cache = aPull(await tempDir(), { ...options, mirrors: [`${registry.host}=${mirror.url}`] })
  try {
    await use({ mirror, registry, cache })
  } finally {
    await cache.close()
    await Promise.all([mirror.close(), registry.close()])
  }
}

async function pullOne(cache: TestPull, name: string) {
  const [result = assert.fail()] = (await cache.pull([name])).results
  return result
}

describe('a pull beside a mirror that is of no use', { concurrency: 4 }, () => {
  it('asks it for one manifest, and not again while it wants to be left alone', () =>
    withMirror(
      async ({ mirror, registry, cache }) => {
        const names = ['1', '2', '3', '4'].map((tag) => registry.add(IMAGE, 'app', tag))
        mirror.alwaysRefuse({}, steps.tooManyRequests(60))
        const { results } = await cache.pull(names)
        assert.ok(results.every(({ ok }) => ok))
        assert.equal(mirror.requests.length, 1)
        assert.ok(cache.progress.some((event) => event.type === 'host-paused' && event.host === mirror.host))
      },
      { jobs: 1 },
    ))

  it('asks the registry for everything else at once', () =>
    withMirror(
      async ({ mirror, registry, cache }) => {
        const names = ['1', '2', '3', '4'].map((tag) => registry.add(IMAGE, `app-${tag}`, tag))
        mirror.always({}, steps.delayed(new Promise(() => undefined)))
        const { results } = await cache.pull(names)
        assert.ok(results.every(({ ok }) => ok))
        assert.equal(mirror.requests.length, 1)
      },
      // A random part of it: less than the test takes once in a million times.
      { jobs: 1, retry: { minDelayMs: 1e9, maxDelayMs: 1e9 } },
    ))
})

describe('a pull through a mirror, of what the registry itself does not give', { concurrency: 4 }, () => {
  const troubles = {
    'a 503': steps.fail(503, 'UNAVAILABLE'),
    'a 429 with Retry-After': steps.tooManyRequests(1),
    'a reset': steps.resetAtOnce(),
  }
  const refusals = { 'does not know it': steps.fail(404, 'NAME_UNKNOWN'), 'wants credentials': steps.fail(401, 'X') }
  for (const [trouble, step] of Object.entries(troubles)) {
    for (const [why, refusal] of Object.entries(refusals)) {
      for (const match of [MANIFEST, BLOB]) {
        it(`gets over ${trouble} for a ${match.kind}, where the registry ${why}`, () =>
          withMirror(async ({ mirror, registry, cache }) => {
            mirror.add(IMAGE, 'app', 'v1')
            mirror.script(match, step)
            registry.alwaysRefuse({}, refusal)
            const result = await pullOne(cache, `${registry.host}/app:v1`)
            assert.ok(result.ok, JSON.stringify(result))
          }))
      }
    }
  }

  it('fails with what the registry says, and names the mirror, when that stays as it is', () =>
    withMirror(async ({ mirror, registry, cache }) => {
      mirror.alwaysRefuse({}, steps.fail(503, 'UNAVAILABLE'))
      const result = await pullOne(cache, `${registry.host}/app:v1`)
      if (result.ok) assert.fail('it has nothing')
      assert.equal(result.failure.code, 'NAME_UNKNOWN')
      assert.equal(result.failure.details.mirror, mirror.host)
      assert.equal(result.failure.details.mirrorCode, 'REGISTRY_UNAVAILABLE')
      assert.ok(result.failure.message.includes(mirror.host))
    }))

  it('takes the word of the registry for `newer`, not the trouble of the mirror', () =>
    withMirror(async ({ mirror, registry, cache }) => {
      const name = registry.add(IMAGE, 'app', 'v1')
      mirror.alwaysRefuse({}, steps.fail(503, 'UNAVAILABLE'))
      assert.ok((await pullOne(cache, name)).ok)
      registry.alwaysRefuse({}, steps.fail(404, 'MANIFEST_UNKNOWN'))
      const [result] = (await cache.pull([name], { policy: 'newer' })).results
      assert.ok(result?.ok === false && result.failure.code === 'MANIFEST_UNKNOWN', JSON.stringify(result))
    }))

  it('is not tried again when the mirror does not have it either', () =>
    withMirror(async ({ mirror, registry, cache }) => {
      const result = await pullOne(cache, `${registry.host}/app:v1`)
      assert.ok(!result.ok)
      assert.equal(mirror.requestsFor({ method: 'GET' }).length, 1)
    }))
})
