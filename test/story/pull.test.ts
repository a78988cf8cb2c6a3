import assert from 'node:assert/strict'
import { chmod, rm, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { parsePlatform } from '../../src/oci/platform.js'
import type { PulledImage, PullResult } from '../../src/pull/report.js'
import { aPull, type TestPull } from '../support/a-pull.js'
import { anArtifact } from '../support/an-artifact.js'
import { anImage, digestsOf } from '../support/an-image.js'
import { type RawRegistry, startRawRegistry } from '../support/raw-registry.js'
import * as steps from '../support/raw-steps.js'
import { tempDir } from '../support/temp-dir.js'

const PLATFORMS = ['linux/amd64', 'linux/arm64', 'linux/arm/v7']
const blobGets = { kind: 'blob', method: 'GET' } as const

describe('pull', () => {
  let registry: RawRegistry
  let cache: TestPull
  let root: string

  beforeEach(async () => {
    root = await tempDir()
    registry = await startRawRegistry()
    cache = aPull(root)
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

  it('stores the wanted platform alone, under the root that the registry has', async () => {
    const image = await anImage({ platforms: PLATFORMS, layers: [{}, {}], attestations: true })
    const name = registry.add(image, 'app', 'v1')
    const [result] = ok(await cache.pull([name]))
    assert.equal(result?.digest, image.root.digest)
    assert.deepEqual(result?.platforms, ['linux/amd64'])
    assert.deepEqual(await held(), digestsOf(image, ['linux/amd64']))
    assert.equal(cache.log.state.references.get(name)?.descriptor.digest, image.root.digest)
    assert.deepEqual(new Set(cache.log.state.blobs.keys()), digestsOf(image, ['linux/amd64']))
  })

  it('stores every child of the index, attestations too, when all platforms are wanted', async () => {
    const image = await anImage({ platforms: PLATFORMS, attestations: true, root: 'nested' })
    const [result] = ok(await cache.pull([registry.add(image, 'app', 'v1')], { wanted: 'all' }))
    assert.deepEqual(await held(), new Set(image.blobs.keys()))
    assert.deepEqual(result?.platforms, ['linux/amd64', 'linux/arm/v7', 'linux/arm64/v8'])
  })

  it('records each blob before the reference that needs it, children before parents', async () => {
    const image = await anImage({ platforms: PLATFORMS })
    await cache.pull([registry.add(image, 'app', 'v1')])
    const order: string[] = []
    for await (const event of cache.log.read(0)) order.push(event.type === 'BlobCommitted' ? event.digest : event.type)
    const amd64 = image.platforms.get('linux/amd64')
    assert.deepEqual(order.slice(-3), [amd64?.manifest.digest, image.root.digest, 'ReferenceSet'])
  })

  it('asks for nothing that is here: not a blob for `newer`, not a thing for `missing` and `never`', async () => {
    const image = await anImage({ platforms: PLATFORMS })
    const name = registry.add(image, 'app', 'v1')
    await cache.pull([name])
    registry.requests.length = 0
    for (const policy of ['missing', 'never'] as const) {
      const [result] = ok(await cache.pull([name], { policy }))
      assert.deepEqual([result?.fetchedBytes, result?.changed], [0, false])
    }
    assert.equal(registry.requests.length, 0)
    ok(await cache.pull([name], { policy: 'newer' }))
    assert.deepEqual(
      registry.requests.map(({ method, kind }) => `${method} ${kind}`),
      ['HEAD manifest'],
    )
  })

  it('writes no event and no index.json when nothing changed', async () => {
    const name = registry.add(await anImage(), 'app', 'v1')
    await cache.pull([name])
    const [position, times] = [cache.log.state.head.position, cache.materialised.length]
    await cache.pull([name], { policy: 'always' })
    assert.deepEqual([cache.log.state.head.position, cache.materialised.length], [position, times])
  })

  it('follows a tag that moved, for `newer` and `always` but not for `missing`', async () => {
    const [before, after] = [await anImage({ seed: 'a' }), await anImage({ seed: 'b' })]
    const name = registry.add(before, 'app', 'v1')
    await cache.pull([name])
    registry.add(after, 'app', 'v1')
    assert.equal(ok(await cache.pull([name]))[0]?.digest, before.root.digest)
    const [moved] = ok(await cache.pull([name], { policy: 'newer' }))
    assert.deepEqual([moved?.digest, moved?.changed], [after.root.digest, true])
  })

  it('keeps what is here when `newer` cannot ask, and says so; `always` fails', async () => {
    const name = registry.add(await anImage(), 'app', 'v1')
    await cache.pull([name])
    registry.always({}, steps.respond(503))
    const [kept] = ok(await cache.pull([name], { policy: 'newer' }))
    assert.equal(kept?.unchecked?.code, 'REGISTRY_UNAVAILABLE')
    assert.equal(codeOf((await cache.pull([name], { policy: 'always' })).results[0]), 'REGISTRY_UNAVAILABLE')
  })

  it('adds a platform to an image that is here, and keeps the first one', async () => {
    const image = await anImage({ platforms: PLATFORMS })
    const name = registry.add(image, 'app', 'v1')
    await cache.pull([name])
    registry.requests.length = 0
    const [result] = ok(await cache.pull([name], { wanted: [parsePlatform('linux/arm64')] }))
    assert.deepEqual(result?.platforms, ['linux/amd64', 'linux/arm64/v8'])
    assert.deepEqual(await held(), digestsOf(image, ['linux/amd64', 'linux/arm64/v8']))
    const amd64 = digestsOf(image, ['linux/amd64'])
    assert.ok(registry.requestsFor(blobGets).every(({ digest }) => digest && !amd64.has(digest)))
  })

  it('asks for each blob that images share exactly once', async () => {
    const shared = { seed: 'base', bytes: 200_000 }
    const images = await Promise.all(
      Array.from({ length: 10 }, (_, at) => anImage({ seed: `image-${at}`, layers: [shared, {}] })),
    )
    const names = images.map((image, at) => registry.add(image, `app-${at}`, 'v1'))
    assert.equal(ok(await cache.pull(names)).length, 10)
    assert.deepEqual(new Set(registry.blobRequests().values()), new Set([1]))
  })

  it('reports one result per reference in the order asked, and lets the others finish', async () => {
    const good = registry.add(await anImage(), 'app', 'v1')
    const { results } = await cache.pull([`${registry.host}/app:none`, good, 'UPPER/CASE'])
    assert.deepEqual(
      results.map(({ ok }) => ok),
      [false, true, false],
    )
    assert.equal(codeOf(results[0]), 'MANIFEST_UNKNOWN')
    assert.equal(codeOf(results[2]), 'REFERENCE_INVALID')
    assert.equal(cache.log.state.references.size, 1)
  })

  it('refuses a platform that the index lacks, naming those it has', async () => {
    const name = registry.add(await anImage({ platforms: ['linux/arm64', 'linux/s390x'] }), 'app', 'v1')
    const [result] = (await cache.pull([name])).results
    assert.equal(codeOf(result), 'PLATFORM_UNKNOWN')
    assert.equal(registry.requestsFor(blobGets).length, 0)
  })

  it('takes a plain image of another platform by default, and refuses it before any layer when one was named', async () => {
    const image = await anImage({ platforms: ['linux/s390x'], layers: [{ bytes: 100_000 }] })
    const name = registry.add(image, 'app', 'v1')
    const [refused] = (await cache.pull([name], { strict: true })).results
    assert.equal(codeOf(refused), 'PLATFORM_UNKNOWN')
    assert.equal(registry.requestsFor(blobGets).length, 1, 'only its config was needed to know')
    assert.deepEqual(ok(await cache.pull([name]))[0]?.platforms, ['linux/s390x'])
  })

  it('retries what may pass, pausing as long as the server asks', async () => {
    const name = registry.add(await anImage(), 'app', 'v1')
    registry.script({ kind: 'manifest' }, steps.respond(503), steps.tooManyRequests(0))
    registry.script(blobGets, steps.respond(500), steps.resetAfter(10))
    ok(await cache.pull([name]))
    const retries = cache.progress.filter(({ type }) => type === 'request-retry' || type === 'blob-retry')
    assert.equal(retries.length, 4)
  })

  it('gives up after as many fruitless attempts as the policy allows', async () => {
    await cache.close()
    cache = aPull(root, { retry: { retries: 2 } })
    const name = registry.add(await anImage(), 'app', 'v1')
    registry.always(blobGets, steps.respond(500))
    const [result] = (await cache.pull([name])).results
    assert.equal(codeOf(result), 'REGISTRY_UNAVAILABLE')
    // The image's other blob is given up as soon as the first one has failed for good.
    assert.equal(Math.max(...registry.blobRequests().values()), 3)
    assert.equal(cache.log.state.references.size, 0)
  })

  it('takes a blob from the next source when a mirror lacks it', async () => {
    const image = await anImage({ layers: [{}, {}] })
    const mirror = await startRawRegistry()
    const name = registry.add(image, 'app', 'v1')
    mirror.add(image, 'app', 'v1')
    mirror.script(blobGets, steps.fail(404, 'BLOB_UNKNOWN'))
    await cache.close()
    cache = aPull(root, { mirrors: [`${registry.host}=${mirror.url}`] })
    ok(await cache.pull([name]))
    assert.equal(registry.requestsFor(blobGets).length, 1)
    await mirror.close()
  })

  it('fetches from its own repository what a shared download could not get from another', async () => {
    const shared = { seed: 'base' }
    const [one, two] = [await anImage({ seed: '1', layers: [shared] }), await anImage({ seed: '2', layers: [shared] })]
    const names = [registry.add(one, 'one', 'v1'), registry.add(two, 'two', 'v1')]
    const layer = one.platforms.get('linux/amd64')?.layers[0]
    const path = `/v2/one/blobs/${layer?.digest}`
    registry.always({ ...blobGets, path }, steps.fail(404, 'BLOB_UNKNOWN'))
    // The other one must not be first, or nobody would ask in vain.
    registry.script({ kind: 'manifest', path: /\/two\// }, steps.delayed(registry.nextRequest({ ...blobGets, path })))
    const { results } = await cache.pull(names)
    assert.deepEqual(
      results.map(({ ok }) => ok),
      [false, true],
    )
  })

  it('hashes what another tool put in place before trusting it, and fetches it again if it is wrong', async () => {
    const image = await anImage({ layers: [{ bytes: 5000 }, { bytes: 6000 }] })
    const [good, bad] = image.platforms.get('linux/amd64')?.layers ?? []
    if (good === undefined || bad === undefined) throw new TypeError('two layers')
    const ingest = await cache.blobs.stage(good.digest, image.blobs.get(good.digest) as Uint8Array)
    await cache.blobs.commit([ingest])
    await writeFile(cache.blobs.pathOf(bad.digest), Buffer.alloc(bad.size))
    ok(await cache.pull([registry.add(image, 'app', 'v1')]))
    const asked = registry.blobRequests()
    assert.deepEqual([asked.get(good.digest), asked.get(bad.digest)], [undefined, 1])
    assert.equal((await cache.blobs.read(bad.digest, { maxBytes: 10_000 })).length, bad.size)
  })

  it('notices a blob that vanished or was replaced since it was recorded, and fetches only that one', async () => {
    const image = await anImage({ layers: [{ bytes: 5000 }, { bytes: 6000 }, { bytes: 7000 }] })
    const name = registry.add(image, 'app', 'v1')
    await cache.pull([name])
    registry.requests.length = 0
    const [gone, replaced] = image.platforms.get('linux/amd64')?.layers ?? []
    if (gone === undefined || replaced === undefined) throw new TypeError('three layers')
    await rm(cache.blobs.pathOf(gone.digest))
    await chmod(cache.blobs.pathOf(replaced.digest), 0o644)
    await writeFile(cache.blobs.pathOf(replaced.digest), Buffer.alloc(replaced.size))
    ok(await cache.pull([name]))
    assert.deepEqual(new Set(registry.blobRequests().keys()), new Set([gone.digest, replaced.digest]))
  })

  it('fails for `never` when something is missing, without a request', async () => {
    const image = await anImage({ layers: [{ bytes: 5000 }] })
    const name = registry.add(image, 'app', 'v1')
    await cache.pull([name])
    registry.requests.length = 0
    await rm(cache.blobs.pathOf(image.platforms.get('linux/amd64')?.layers[0]?.digest as never))
    assert.equal(codeOf((await cache.pull([name], { policy: 'never' })).results[0]), 'BLOB_UNKNOWN')
    assert.equal(codeOf((await cache.pull(['never/seen'], { policy: 'never' })).results[0]), 'REFERENCE_UNKNOWN')
    assert.equal(registry.requests.length, 0)
  })

  it('stops at once when it is aborted, keeps the partial layer, and goes on from there', async () => {
    const image = await anImage({ layers: [{ bytes: 3_000_000 }] })
    const name = registry.add(image, 'app', 'v1')
    const layer = image.platforms.get('linux/amd64')?.layers[0]
    if (layer === undefined) throw new TypeError('one layer')
    const stop = new AbortController()
    registry.script({ ...blobGets, digest: layer.digest }, steps.hangAfter(1_000_000))
    const arrived = registry.nextRequest({ ...blobGets, digest: layer.digest })
    const running = cache.pull([name], { signal: stop.signal })
    await arrived
    await untilBytes(cache, layer.digest)
    stop.abort()
    await assert.rejects(running, { code: 'ABORTED' })
    await cache.close()
    cache = aPull(root)
    ok(await cache.pull([name]))
    const ranges = registry.requestsFor({ ...blobGets, digest: layer.digest }).map(({ headers }) => headers.range)
    assert.match(String(ranges[1]), /^bytes=[1-9]\d*-$/)
  })

  it('pulls artifacts and roots of unknown type byte for byte', async () => {
    const artifact = await anArtifact({})
    const [result] = ok(await cache.pull([registry.add(artifact, 'artifact', 'v1')]))
    assert.deepEqual(result?.platforms, [])
    assert.deepEqual(await held(), new Set(artifact.blobs.keys()))
  })
})

/** Waits for the progress event itself, not for a time. */
async function untilBytes(cache: TestPull, digest: string): Promise<void> {
  for (;;) {
    if (cache.progress.some((event) => event.type === 'blob-progress' && event.digest === digest && event.bytes > 0))
      return
    await new Promise((resolve) => setImmediate(resolve))
  }
}

function ok({ results }: { readonly results: readonly PullResult[] }): PulledImage[] {
  return results.map((result) => {
    assert.ok(result.ok, result.ok ? '' : `${result.failure.code}: ${result.failure.message}`)
    return result
  })
}

function codeOf(result: PullResult | undefined): string | undefined {
  return result?.ok === false ? result.failure.code : 'it succeeded'
}
