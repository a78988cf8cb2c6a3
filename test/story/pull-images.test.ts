import assert from 'node:assert/strict'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { Cache } from '../../src/api.js'
import { openCache } from '../../src/cache.js'
import type { PullOptions } from '../../src/call-options.js'
import type { Descriptor } from '../../src/oci/descriptor.js'
import { parseDigest } from '../../src/oci/digest.js'
import { digestBytes } from '../../src/oci/hasher.js'
import {
  DOCKER_INDEX,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_LAYER,
  OCI_LAYER_GZIP,
  OCI_MANIFEST,
} from '../../src/oci/media-type.js'
import type { PulledImage } from '../../src/pull/report.js'
import { anArtifact } from '../support/an-artifact.js'
import { anImage, digestsOf } from '../support/an-image.js'
import { BlobCollector } from '../support/blob-collector.js'
import { contentOf } from '../support/blob-content.js'
import { anAnswer } from '../support/raw-answer.js'
import { type RawRegistry, startRawRegistry } from '../support/raw-registry.js'
import * as steps from '../support/raw-steps.js'
import { tempDir } from '../support/temp-dir.js'

const PLATFORMS = ['linux/amd64', 'linux/arm64']
const FOREIGN = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip'
const AMD64 = { platforms: ['linux/amd64'] }
const blobs = { kind: 'blob', method: 'GET' } as const

describe('pulling', () => {
  let registry: RawRegistry
  let cache: Cache

  beforeEach(async () => {
    registry = await startRawRegistry()
    cache = await openCache({
      path: join(await tempDir(), 'cache'),
      env: {},
      retry: { retries: 1, minDelayMs: 1, maxDelayMs: 1 },
    })
  })
  afterEach(async () => {
    await cache.close()
    await registry.close()
  })

  /** Pulls, and checks all that the cache says of itself; a second pull must find everything there. */
  async function pulled(reference: string, options: PullOptions = {}): Promise<PulledImage> {
    const [result] = (await cache.pull(reference, options)).results
    assert.ok(result?.ok, JSON.stringify(result))
    assert.deepEqual((await cache.verify()).problems, [])
    const [again] = (await cache.pull(reference, { ...options, pull: 'never' })).results
    assert.equal(again?.ok, true, JSON.stringify(again))
    return result
  }
  async function refused(reference: string, options: PullOptions = {}): Promise<string> {
    const [result] = (await cache.pull(reference, options)).results
    assert.ok(result?.ok === false, 'it succeeded')
    assert.deepEqual(await cache.list(), [])
    return result.failure.code
  }
  const held = async (reference: string) => {
    const digests = new Set<string>()
    const walk = ({ descriptor, present, children }: Awaited<ReturnType<Cache['inspect']>>['root']): void => {
      if (present) digests.add(descriptor.digest)
      for (const child of children) walk(child)
    }
    walk((await cache.inspect(reference)).root)
    return digests
  }
  const serve = (collector: BlobCollector, root: Descriptor, tag = 'v1'): string =>
    registry.add({ root, ...collector.collected(), platforms: new Map() }, 'app', tag)

  describe('Docker’s formats', () => {
    it('takes a manifest list as it is', async () => {
      const image = await anImage({ format: 'docker', platforms: PLATFORMS })
      const name = registry.add(image, 'app', 'v1')
      assert.equal((await pulled(name, AMD64)).digest, image.root.digest)
      const [listed] = await cache.list()
      assert.equal(listed?.mediaType, DOCKER_INDEX)
    })

    it('takes a plain image, whose config says its platform', async () => {
      const image = await anImage({ format: 'docker' })
      assert.deepEqual((await pulled(registry.add(image, 'app', 'v1'), AMD64)).platforms, ['linux/amd64'])
    })

    it('refuses schema 1, saying so', async () => {
      const body = JSON.stringify({ schemaVersion: 1, name: 'app', tag: 'v1', fsLayers: [], history: [] })
      const mediaType = 'application/vnd.docker.distribution.manifest.v1+prettyjws'
      registry.always({ kind: 'manifest' }, steps.respond(200, { 'Content-Type': mediaType }, body))
      assert.equal(await refused(`${registry.host}/app:v1`), 'UNSUPPORTED')
    })
  })

  describe('unusual images', () => {
    it('takes one without layers', async () => {
      const image = await anImage({ layers: [] })
      const { fetchedBlobs } = await pulled(registry.add(image, 'app', 'v1'), AMD64)
      assert.equal(fetchedBlobs, 2)
    })

    it('takes one with an empty layer, without asking for that', async () => {
      const empty = { raw: { bytes: new Uint8Array(), mediaType: OCI_LAYER } }
      const image = await anImage({ layers: [empty, {}] })
      await pulled(registry.add(image, 'app', 'v1'), AMD64)
      assert.equal(registry.requestsFor(blobs).length, 2)
    })

    it('takes one whose layers are all the same', async () => {
      const image = await anImage({ layers: [{ seed: 'same' }, { seed: 'same' }, { seed: 'same' }] })
      await pulled(registry.add(image, 'app', 'v1'), AMD64)
      assert.equal(registry.requestsFor(blobs).length, 2)
    })

    it('takes one whose config is its layer', async () => {
      const collector = new BlobCollector('sha256')
      const config = await collector.add(Buffer.from('{"os":"linux","architecture":"amd64"}'), OCI_CONFIG)
      const manifest = {
        schemaVersion: 2,
        mediaType: OCI_MANIFEST,
        config,
        layers: [{ ...config, mediaType: OCI_LAYER }],
      }
      const { platforms } = await pulled(serve(collector, await collector.addManifest(manifest)), AMD64)
      assert.deepEqual(platforms, ['linux/amd64'])
      assert.equal(registry.requestsFor(blobs).length, 1)
    })

    it('takes one whose config is larger than any manifest may be, without a platform', async () => {
      const collector = new BlobCollector('sha256')
      const padding = 'x'.repeat(4 * 1024 * 1024)
      const config = await collector.add(
        Buffer.from(JSON.stringify({ os: 'linux', architecture: 'amd64', padding })),
        OCI_CONFIG,
      )
      const manifest = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [] }
      const name = serve(collector, await collector.addManifest(manifest))
      assert.deepEqual((await pulled(name)).platforms, [])
    })

    it('leaves out layers that registries do not hold, and counts the image as whole', async () => {
      const foreign = { raw: { bytes: Buffer.from('Windows'), mediaType: FOREIGN } }
      const image = await anImage({ layers: [foreign, {}] })
      const [elsewhere] = image.platforms.get('linux/amd64')?.layers ?? []
      const name = registry.add(image, 'app', 'v1')
      const { size } = await pulled(name, AMD64)
      assert.equal(registry.blobRequests().get(elsewhere?.digest ?? assert.fail()), undefined)
      assert.equal(
        size,
        [...image.blobs.values()].reduce((sum, { length }) => sum + length, 0) - (elsewhere?.size ?? 0),
      )
    })

    it('takes an index whose only child is an index', async () => {
      const image = await anImage({ platforms: PLATFORMS })
      const collector = new BlobCollector('sha256')
      registry.add(image, 'app')
      const root = await collector.addManifest({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [image.root] })
      const name = serve(collector, root)
      assert.deepEqual((await pulled(name, AMD64)).platforms, ['linux/amd64'])
      assert.deepEqual(await held(name), new Set([root.digest, ...digestsOf(image, ['linux/amd64'])]))
    })

    it('takes an index that lists a child twice', async () => {
      const image = await anImage()
      const collector = new BlobCollector('sha256')
      registry.add(image, 'app')
      const child = { ...image.root, platform: { os: 'linux', architecture: 'amd64' } }
      const root = await collector.addManifest({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [child, child] })
      assert.deepEqual((await pulled(serve(collector, root), { platforms: ['all'] })).platforms, ['linux/amd64'])
    })

    it('takes an index without children, and one of artifacts alone', async () => {
      const artifact = await anArtifact({ blobs: [{ bytes: Buffer.from('signature'), mediaType: 'text/plain' }] })
      registry.add(artifact, 'app')
      for (const manifests of [[], [artifact.root]]) {
        const collector = new BlobCollector('sha256')
        const root = await collector.addManifest({ schemaVersion: 2, mediaType: OCI_INDEX, manifests })
        assert.deepEqual((await pulled(serve(collector, root, `v${manifests.length}`))).platforms, [])
      }
    })

    it('takes all platforms of a plain image: its own', async () => {
      const image = await anImage({ platforms: ['linux/s390x'] })
      const { platforms } = await pulled(registry.add(image, 'app', 'v1'), { platforms: ['all'] })
      assert.deepEqual(platforms, ['linux/s390x'])
    })

    it('takes a root of an unknown type byte for byte', async () => {
      const collector = new BlobCollector('sha256')
      const root = await collector.addManifest({ mediaType: 'application/vnd.example.thing.v1+json', anything: [1, 2] })
      const name = serve(collector, root)
      assert.deepEqual([(await pulled(name)).digest, (await pulled(name)).platforms], [root.digest, []])
    })

    it('takes layers of types that it does not know', async () => {
      const zstd = { raw: { bytes: Buffer.from('zstd'), mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd' } }
      const other = { raw: { bytes: Buffer.from('wasm'), mediaType: 'application/wasm' } }
      await pulled(registry.add(await anImage({ layers: [zstd, other] }), 'app', 'v1'), AMD64)
    })

    it('refuses a layer of no bytes under the digest of some', async () => {
      const collector = new BlobCollector('sha256')
      const config = await collector.add(Buffer.from('{}'), OCI_CONFIG)
      const layer = await collector.add(Buffer.from('some'), OCI_LAYER_GZIP)
      const manifest = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [{ ...layer, size: 0 }] }
      assert.equal(await refused(serve(collector, await collector.addManifest(manifest))), 'DIGEST_MISMATCH')
    })
  })

  describe('what a tag answers', () => {
    const tag = { kind: 'manifest', path: '/v2/app/manifests/v1' } as const
    const name = () => `${registry.host}/app:v1`

    it('is no image when it is a web page, whatever it calls itself', async () => {
      const page = '<!DOCTYPE html><html><body>Sign in</body></html>'
      for (const type of [
        'text/html',
        'TEXT/HTML; charset=utf-8',
        'application/xhtml+xml',
        'text/plain',
        OCI_MANIFEST,
      ]) {
        registry.script(tag, steps.respond(200, { 'Content-Type': type }, page))
        assert.equal(await refused(name()), 'PROTOCOL_ERROR', type)
      }
    })

    it('is no image when it is nothing, cut off, or no object', async () => {
      for (const body of ['', '{"schemaVersion":2', '[]', '"text"', 'null']) {
        registry.script(tag, steps.respond(200, { 'Content-Type': OCI_MANIFEST }, body))
        assert.equal(await refused(name()), 'MANIFEST_INVALID', body)
      }
    })

    it('is refused when it is not what its own header announces', async () => {
      const [image, other] = [await anImage(), await anImage({ seed: 'other' })]
      registry.add(image, 'app', 'v1')
      registry.always(tag, steps.withHeaders({ 'Docker-Content-Digest': other.root.digest }))
      assert.equal(await refused(name()), 'DIGEST_MISMATCH')
    })

    it('may change between the question and the download: what was named first is pulled', async () => {
      const [before, first, second] = [await anImage(), await anImage({ seed: '1' }), await anImage({ seed: '2' })]
      registry.add(before, 'app', 'v1')
      await cache.pull(name())
      registry.add(first, 'app', 'v1')
      registry.script({ ...tag, method: 'HEAD' }, (answer) => {
        registry.add(second, 'app', 'v1')
        return answer
      })
      const { digest } = await pulled(name(), { pull: 'newer' })
      assert.equal(digest, first.root.digest)
      assert.equal((await pulled(name(), { pull: 'newer' })).digest, second.root.digest)
    })

    it('leaves what is here alone when HEAD names something that GET does not have', async () => {
      const image = await anImage()
      registry.add(image, 'app', 'v1')
      await pulled(name())
      const absent = parseDigest(await digestBytes(Buffer.from('absent')))
      registry.always({ ...tag, method: 'HEAD' }, () =>
        anAnswer({
          headers: { 'Content-Type': OCI_MANIFEST, 'Docker-Content-Digest': absent },
          body: contentOf(Buffer.from('absent')),
        }),
      )
      const [result] = (await cache.pull(name(), { pull: 'always' })).results
      assert.equal(result?.ok === false && result.failure.code, 'MANIFEST_UNKNOWN')
      assert.deepEqual(
        (await cache.list()).map(({ digest }) => digest),
        [image.root.digest],
      )
    })
  })
})
