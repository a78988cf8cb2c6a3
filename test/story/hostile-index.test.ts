import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { OCI_INDEX, OCI_MANIFEST } from '../../src/oci/media-type.js'
import { aRawImage, documentOf } from '../support/a-raw-image.js'
import { anImage, type BuiltImage, digestsOf } from '../support/an-image.js'
import { failureOf, pulled, refused, soundBlobs, withPull } from '../support/with-pull.js'

const AMD64 = { os: 'linux', architecture: 'amd64' }

let image: BuiltImage
before(async () => {
  image = await anImage({ layers: [{}] })
})

const anIndex = (manifests: readonly object[], of: readonly BuiltImage[]): Promise<BuiltImage> =>
  aRawImage({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }, { mediaType: OCI_INDEX, of })

async function nested(depth: number): Promise<BuiltImage> {
  let inner = image
  for (let level = 0; level < depth; level++) inner = await anIndex([inner.root], [inner])
  return inner
}

/** RELIABILITY 7.2 D4, D7, D8 and D12. */
describe('a hostile index', { concurrency: 4 }, () => {
  it('may be nested as deeply as makes sense, and no deeper', () =>
    withPull({}, async ({ registry, cache }) => {
      await pulled(cache, registry.add(await nested(7), 'deep', 'v1'))
      const { length } = registry.requests
      await refused(cache, registry.add(await nested(8), 'deeper', 'v1'), 'MANIFEST_TOO_LARGE')
      assert.ok(registry.requests.length - length <= 10)
    }))

  it('with 100,000 entries is MANIFEST_INVALID', () =>
    withPull({}, async ({ registry, cache }) => {
      const made = await anIndex(
        Array.from({ length: 100_000 }, () => 0 as never),
        [image],
      )
      await refused(cache, registry.add(made, 'app', 'v1'), 'MANIFEST_INVALID')
    }))

  it('whose manifests are too much together is refused before one of them is asked for', () =>
    withPull({}, async ({ registry, cache }) => {
      const digest = (at: number) => `sha256:${at.toString(16).padStart(64, '0')}`
      const made = await anIndex(
        Array.from({ length: 17 }, (_, at) => ({ mediaType: OCI_MANIFEST, digest: digest(at), size: 4 * 1024 * 1024 })),
        [],
      )
      const { results } = await cache.pull([registry.add(made, 'app', 'v1')], { wanted: 'all' })
      failureOf(results[0], 'MANIFEST_TOO_LARGE')
      assert.equal(registry.requests.length, 1)
    }))

  for (const [what, size] of Object.entries({ less: -1, more: 1 })) {
    it(`that claims one byte ${what} for a manifest is SIZE_MISMATCH`, () =>
      withPull({}, async ({ registry, cache }) => {
        const made = await anIndex([{ ...image.root, size: image.root.size + size, platform: AMD64 }], [image])
        await refused(cache, registry.add(made, 'app', 'v1'), 'SIZE_MISMATCH')
        assert.equal(registry.blobRequests().size, 0)
      }))
  }

  it('that calls a manifest an index is MANIFEST_INVALID', () =>
    withPull({}, async ({ registry, cache }) => {
      const made = await anIndex([{ ...image.root, mediaType: OCI_INDEX, platform: AMD64 }], [image])
      await refused(cache, registry.add(made, 'app', 'v1'), 'MANIFEST_INVALID')
    }))

  it('that lists one manifest a thousand times has it asked for once', () =>
    withPull({}, async ({ registry, cache }) => {
      const made = await anIndex(Array(1000).fill({ ...image.root, platform: AMD64 }), [image])
      const { results } = await cache.pull([registry.add(made, 'app', 'v1')], { wanted: 'all' })
      assert.ok(results[0]?.ok)
      assert.equal(registry.requestsFor({ digest: image.root.digest }).length, 1)
    }))

  it('with one bad manifest among good ones serves the good ones, and not all', () =>
    withPull({}, async ({ registry, cache }) => {
      const bad = await aRawImage({ ...documentOf(image), layers: [{ digest: 'sha256:../x' }] }, { of: [image] })
      const manifests = [
        { ...image.root, platform: AMD64 },
        { ...bad.root, platform: { os: 'linux', architecture: 'arm64' } },
      ]
      const made = await anIndex(manifests, [image, bad])
      const name = registry.add(made, 'app', 'v1')
      await pulled(cache, name)
      assert.deepEqual(await soundBlobs(cache), new Set([made.root.digest, ...digestsOf(image)]))
      failureOf((await cache.pull([name], { wanted: 'all' })).results[0], 'MANIFEST_INVALID')
      assert.deepEqual(cache.log.state.references.get(name)?.platforms, ['linux/amd64'])
    }))
})
