import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { anImage, digestsOf } from '../support/an-image.js'
import type { RawRegistry } from '../support/raw-registry.js'
import * as steps from '../support/raw-steps.js'
import { pulled, refused, soundBlobs, withPull } from '../support/with-pull.js'

const BEARER = { registry: { auth: { kind: 'bearer' } } } as const
const SIX = Array.from({ length: 6 }, () => ({}))

/** Every token given out so far is worthless once this answer is on its way. */
const revoking = (registry: RawRegistry): steps.Step => {
  return (answer) => {
    registry.auth?.revoke()
    return answer
  }
}

/** RELIABILITY section 6, row 11. */
describe('a token that ends', () => {
  it('between manifest and blobs is replaced once for all of them', () =>
    withPull(BEARER, async ({ registry, cache }) => {
      const image = await anImage({ layers: SIX })
      const name = registry.add(image, 'app', 'v1')
      registry.script({ kind: 'manifest' }, steps.normal(), revoking(registry))
      await pulled(cache, name)
      assert.deepEqual(await soundBlobs(cache), digestsOf(image))
      assert.equal(registry.auth?.issued, 2)
    }))

  it('between two blobs is replaced', () =>
    withPull({ ...BEARER, jobs: 1 }, async ({ registry, cache }) => {
      const image = await anImage({ layers: SIX })
      const name = registry.add(image, 'app', 'v1')
      registry.script({ kind: 'blob' }, steps.normal(), steps.normal(), revoking(registry))
      await pulled(cache, name)
      assert.deepEqual(await soundBlobs(cache), digestsOf(image))
      assert.equal(registry.auth?.issued, 2)
    }))

  it('between two parts of a layer is replaced, and the layer goes on from the same byte', () =>
    withPull({ ...BEARER, jobs: 1 }, async ({ registry, cache }) => {
      const image = await anImage({ layers: [{ bytes: 3_000_000 }] })
      const name = registry.add(image, 'app', 'v1')
      const digest = image.platforms.get('linux/amd64')?.layers[0]?.digest ?? assert.fail()
      registry.script({ digest }, steps.all(revoking(registry), steps.finAfter(90_000)))
      await pulled(cache, name)
      const ranges = registry.requestsFor({ digest }).map(({ headers }) => headers.range)
      assert.deepEqual(ranges, [undefined, 'bytes=90000-', 'bytes=90000-'])
      assert.deepEqual(await soundBlobs(cache), digestsOf(image))
      assert.equal(registry.auth?.issued, 2)
    }))

  it('while the token server is away for a moment is replaced when that is back', () =>
    withPull(BEARER, async ({ registry, cache }) => {
      const image = await anImage()
      const name = registry.add(image, 'app', 'v1')
      registry.script({ kind: 'token' }, steps.normal(), steps.respond(503), steps.resetAtOnce())
      registry.script({ kind: 'manifest' }, steps.normal(), revoking(registry))
      await pulled(cache, name)
      assert.deepEqual(await soundBlobs(cache), digestsOf(image))
    }))

  for (const kind of ['manifest', 'blob'] as const) {
    it(`and whose successor is refused too ends the pull, without a third request for the ${kind}`, () =>
      withPull(BEARER, async ({ registry, cache }) => {
        const name = registry.add(await anImage({ layers: [] }), 'app', 'v1')
        const challenge = `Bearer realm="${registry.url}/token",service="hearth-test",error="invalid_token"`
        registry.always({ kind }, steps.unauthorized(challenge))
        const { details } = await refused(cache, name, 'UNAUTHORIZED')
        assert.deepEqual([details.host, details.step], [registry.host, kind])
        assert.equal(registry.requestsFor({ kind }).length, 2)
        assert.ok((registry.auth?.issued ?? 0) <= 2)
      }))
  }

  it('and cannot be had again ends the pull', () =>
    withPull(BEARER, async ({ registry, cache }) => {
      const name = registry.add(await anImage(), 'app', 'v1')
      registry.script({ kind: 'manifest' }, steps.normal(), revoking(registry))
      registry.script({ kind: 'token' }, steps.normal())
      registry.always({ kind: 'token' }, steps.respond(401))
      await refused(cache, name, 'UNAUTHORIZED')
    }))
})

/** RELIABILITY section 6, row 12. */
describe('a place that the registry redirects to', () => {
  const elsewhere = (registry: RawRegistry, other: RawRegistry) => {
    registry.always(
      { kind: 'blob' },
      steps.redirect(({ path }) => `${other.url}${path}?signature=secret`),
    )
  }

  for (const status of [401, 403]) {
    it(`and that answers ${status} once is asked again by way of the registry`, () =>
      withPull(BEARER, async ({ registry, cache }) =>
        withPull({}, async ({ registry: other }) => {
          const image = await anImage()
          const name = registry.add(image, 'app', 'v1')
          other.add(image, 'app')
          elsewhere(registry, other)
          const challenge = { 'WWW-Authenticate': `Bearer realm="${other.url}/token"` }
          other.script({ kind: 'blob' }, steps.fail(status, 'DENIED', challenge))
          await pulled(cache, name)
          assert.deepEqual(await soundBlobs(cache), digestsOf(image))
          assert.equal(other.requestsFor({ kind: 'token' }).length, 0)
        }),
      ))

    it(`and that keeps answering ${status} is named, and gets no credential`, () =>
      withPull(BEARER, async ({ registry, cache }) =>
        withPull({}, async ({ registry: other }) => {
          const image = await anImage({ layers: [] })
          const name = registry.add(image, 'app', 'v1')
          elsewhere(registry, other)
          const challenge = { 'WWW-Authenticate': `Bearer realm="${other.url}/token"` }
          other.always({}, steps.fail(status, 'DENIED', challenge))
          const failure = await refused(cache, name, 'DENIED')
          assert.deepEqual([failure.details.host, failure.details.target], [registry.host, other.host])
          assert.equal(other.requests.length, 2)
          assert.ok(other.requests.every(({ kind, headers }) => kind === 'blob' && !('authorization' in headers)))
          assert.ok(!JSON.stringify(failure).includes('secret'))
        }),
      ))
  }
})
