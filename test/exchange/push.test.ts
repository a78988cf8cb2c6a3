import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { anImage } from '../support/an-image.js'
import { assertPushed, withPush } from '../support/with-push.js'

const MANY = { platforms: ['linux/amd64', 'linux/arm64'] }
const uploadsOf = (requests: readonly { readonly method: string; readonly kind: string }[]) =>
  requests.filter(({ kind, method }) => kind === 'upload' && (method === 'PATCH' || method === 'PUT'))

describe('push', () => {
  it('sends all of an image, children before parents, the name last', async () => {
    await withPush({ image: { ...MANY, layers: [{}, { bytes: 50_000 }], attestations: true } }, async (parts) => {
      const { push, registry, image, name } = parts
      const pushed = await push()
      assertPushed(parts)
      const leaves = image.blobs.size - image.manifests.size
      assert.deepEqual([pushed.remote, pushed.digest, pushed.changed], [name, image.root.digest, true])
      assert.deepEqual([pushed.uploadedBlobs, pushed.mountedBlobs, pushed.presentBlobs], [leaves, 0, 0])
      const puts = registry.requestsFor({ kind: 'manifest', method: 'PUT' })
      assert.equal(puts.at(-1)?.path, '/v2/team/app/manifests/1.0')
      assert.equal(registry.pendingUploads, 0)
    })
  })

  it('sends nothing when the name stands for the image already', async () => {
    await withPush({}, async ({ push, registry }) => {
      await push()
      registry.requests.length = 0
      const again = await push()
      assert.deepEqual([again.changed, again.uploadedBlobs], [false, 0])
      assert.deepEqual(
        registry.requests.map(({ method, path }) => `${method} ${path}`),
        ['HEAD /v2/team/app/manifests/1.0'],
      )
    })
  })

  it('sends only what the registry lacks', async () => {
    await withPush({ image: { layers: [{}, { bytes: 5000 }] } }, async (parts) => {
      await parts.push()
      const newer = await parts.push({ remoteName: `${parts.registry.host}/team/app:2` })
      assert.deepEqual([newer.uploadedBlobs, newer.presentBlobs], [0, 3])
      assertPushed(parts, 'team/app', '2')
    })
  })

  it('uploads no layer that another repository of the registry has', async () => {
    const shared = { layers: [{ seed: 'base', everyPlatform: true, bytes: 9000 }] }
    const others = async (host: string) => [
      { name: `${host}/library/base:1`, image: await anImage({ ...shared, seed: 'base' }) },
    ]
    await withPush({ image: { ...shared, seed: 'own' }, others }, async (parts) => {
      const { registry, cache, push } = parts
      assert.ok((await cache.push(`${registry.host}/library/base:1`)).results[0]?.ok)
      registry.requests.length = 0
      const pushed = await push()
      assert.deepEqual([pushed.mountedBlobs, pushed.uploadedBlobs], [1, 1])
      // The config, which is its own.
      assert.equal(uploadsOf(registry.requests).length, 1)
      assertPushed(parts)
    })
  })

  it('sends a blob to a registry once, however many images and repositories get it', async () => {
    const shared = { layers: [{ seed: 'base', everyPlatform: true, bytes: 9000 }] }
    const others = async (host: string) => [
      { name: `${host}/team/second:1`, image: await anImage({ ...shared, seed: 'second' }) },
      { name: `${host}/team/third:1`, image: await anImage({ ...shared, seed: 'third' }) },
    ]
    await withPush({ image: { ...shared, seed: 'first' }, others }, async ({ registry, cache, name }) => {
      const names = [name, `${registry.host}/team/second:1`, `${registry.host}/team/third:1`]
      const { results } = await cache.push(names)
      assert.ok(results.every(({ ok }) => ok))
      const sent = results.reduce((sum, result) => sum + (result.ok ? result.uploadedBlobs : 0), 0)
      // Three configs and one layer.
      assert.equal(sent, 4)
      assert.equal(uploadsOf(registry.requests).length, 4)
    })
  })

  it('sends what a registry does not mount, though it was asked to', async () => {
    const others = async (host: string) => [{ name: `${host}/other/app:1`, image: await anImage() }]
    await withPush({ others, registry: { uploads: { mount: false } } }, async (parts) => {
      const pushed = await parts.push()
      assert.deepEqual([pushed.mountedBlobs, pushed.uploadedBlobs], [0, 2])
      assert.ok(parts.registry.requests.some(({ query }) => query.get('from') === 'other/app'))
      assertPushed(parts)
    })
  })

  it('leaves another image alone that has the name, before anything is sent, unless told to replace it', async () => {
    await withPush({}, async (parts) => {
      const { registry, refused, push, image } = parts
      const other = await anImage({ seed: 'other' })
      registry.add(other, 'team/app', '1.0')
      const { details } = await refused('REFERENCE_EXISTS')
      assert.deepEqual([details.expected, details.actual], [image.root.digest, other.root.digest])
      assert.deepEqual(registry.requestsFor({ kind: 'upload' }), [])
      await push({ override: true })
      assertPushed(parts)
    })
  })

  it('leaves alone what somebody else pushed meanwhile', async () => {
    await withPush({}, async ({ registry, refused }) => {
      const other = await anImage({ seed: 'other' })
      registry.script({ kind: 'upload', method: 'PUT' }, (answer) => {
        registry.add(other, 'team/app', '1.0')
        return answer
      })
      await refused('REFERENCE_EXISTS')
      assert.equal(registry.repository('team/app').tagged('1.0'), other.root.digest)
    })
  })

  it('refuses an index of which the cache lacks platforms, and names them', async () => {
    const sparse = { image: { platforms: ['linux/amd64', 'linux/arm64', 'linux/arm/v7'] }, platforms: ['linux/amd64'] }
    await withPush(sparse, async ({ refused, registry }) => {
      const { message, details } = await refused('PLATFORM_MISSING')
      assert.equal(details.expected, 'linux/arm64/v8, linux/arm/v7')
      assert.match(message, /linux\/arm64/)
      assert.deepEqual(registry.requests, [])
    })
  })

  it('pushes one platform alone as a plain image', async () => {
    await withPush({ image: MANY, platforms: ['linux/arm64/v8'] }, async ({ push, refused, image, registry }) => {
      const arm = image.platforms.get('linux/arm64/v8')?.manifest ?? assert.fail()
      assert.equal((await push({ platform: 'linux/arm64' })).digest, arm.digest)
      assert.equal(registry.repository('team/app').tagged('1.0'), arm.digest)
      await refused('PLATFORM_MISSING', { platform: 'linux/amd64' })
      await refused('PLATFORM_UNKNOWN', { platform: 'linux/s390x' })
    })
    await withPush({}, async ({ push, refused }) => {
      await refused('PLATFORM_UNKNOWN', { platform: 'linux/s390x' })
      await push({ platform: 'linux/amd64' })
    })
  })

  it('gives each platform a tag of its own when told so, and leaves those alone that are others', async () => {
    await withPush({ image: MANY }, async ({ push, refused, image, registry, name }) => {
      const { tags } = await push({ archTags: true })
      assert.deepEqual(tags, [`${name}-amd64`, `${name}-arm64`])
      const held = registry.repository('team/app')
      for (const [platform, tag] of [
        ['linux/amd64', '1.0-amd64'],
        ['linux/arm64/v8', '1.0-arm64'],
      ] as const) {
        assert.equal(held.tagged(tag), image.platforms.get(platform)?.manifest.digest)
      }
      registry.add(await anImage({ seed: 'other' }), 'team/app', '1.0-arm64')
      await refused('REFERENCE_EXISTS', { archTags: true })
      assert.equal((await push()).changed, false)
    })
  })

  it('pushes by digest alone, and refuses a digest that is not the image’s', async () => {
    await withPush({}, async ({ push, refused, image, registry }) => {
      const byDigest = `${registry.host}/team/other@${image.root.digest}`
      assert.equal((await push({ remoteName: byDigest })).remote, byDigest)
      assert.ok(registry.repository('team/other').hasManifest(image.root.digest))
      const wrong = image.platforms.get('linux/amd64')?.config.digest
      await refused('DIGEST_MISMATCH', { remoteName: `${registry.host}/team/other@${wrong}` })
    })
  })

  it('sends nothing anywhere by a name that another tool gave, or that the cache lacks', async () => {
    const others = async () => [{ name: 'short', image: await anImage({ seed: 'short' }) }]
    await withPush({ others }, async ({ cache, registry, name }) => {
      const { results } = await cache.push(['short', 'nothing', name])
      const codes = results.map((result) => (result.ok ? 'ok' : result.failure.code))
      assert.deepEqual(codes, ['REFERENCE_INVALID', 'REFERENCE_UNKNOWN', 'ok'])
      assert.ok((await cache.push('short', { remoteName: `${registry.host}/x:1` })).results[0]?.ok)
    })
  })

  it('keeps its hands off the mirrors of a registry', async () => {
    await withPush({}, async (first) => {
      const mirrors = [`${first.registry.host}=http://${first.registry.host}/mirror`]
      await withPush({ cache: { mirrors } }, async (parts) => {
        await parts.push({ remoteName: `${first.registry.host}/team/app:1.0` })
        assert.ok(first.registry.requests.every(({ path }) => path.startsWith('/v2/team/app/')))
      })
    })
  })

  it('tells how far it is', async () => {
    await withPush({ image: { layers: [{ bytes: 3_000_000 }] } }, async ({ push, progress, image }) => {
      await push()
      const reached = progress.flatMap((event) => (event.type === 'push-progress' ? [event] : []))
      const bytes = [...image.blobs].filter(([digest]) => !image.manifests.has(digest))
      const totalBytes = bytes.reduce((sum, [, { length }]) => sum + length, 0)
      assert.deepEqual(reached.at(-1), {
        type: 'push-progress',
        blobs: 2,
        totalBlobs: 2,
        bytes: totalBytes,
        totalBytes,
      })
    })
  })

  it('ends when it is told to stop', async () => {
    await withPush({}, async ({ cache, registry, name }) => {
      const stop = new AbortController()
      registry.script({ kind: 'upload' }, (answer) => {
        stop.abort()
        return { ...answer, end: 'hang' }
      })
      await assert.rejects(cache.push(name, { signal: stop.signal }), { code: 'ABORTED' })
    })
  })
})
