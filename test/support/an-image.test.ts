import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { type Descriptor, parseDescriptor } from '../../src/oci/descriptor.js'
import { algorithmOf, type Digest } from '../../src/oci/digest.js'
import { digestBytes } from '../../src/oci/hasher.js'
import {
  DOCKER_CONFIG,
  DOCKER_INDEX,
  DOCKER_LAYER_GZIP,
  DOCKER_MANIFEST,
  OCI_INDEX,
  OCI_LAYER,
  OCI_MANIFEST,
} from '../../src/oci/media-type.js'
import { anArtifact } from './an-artifact.js'
import { anImage, type BuiltImage, digestsOf } from './an-image.js'

function bytesOf(image: BuiltImage, descriptor: Descriptor | undefined): Uint8Array {
  const bytes = descriptor && image.blobs.get(descriptor.digest)
  assert.ok(bytes !== undefined && bytes.length === descriptor?.size)
  return bytes
}

function jsonOf(image: BuiltImage, descriptor: Descriptor | undefined) {
  return JSON.parse(Buffer.from(bytesOf(image, descriptor)).toString())
}

function onlyPlatform(image: BuiltImage) {
  const [platform] = image.platforms.values()
  assert.ok(platform !== undefined)
  return platform
}

describe('anImage', () => {
  for (const algorithm of ['sha256', 'sha512', 'blake3'] as const) {
    it(`names every blob by its ${algorithm} digest`, async () => {
      const image = await anImage({ algorithm, platforms: ['linux/amd64', 'linux/arm64'] })
      for (const [digest, bytes] of image.blobs) assert.equal(await digestBytes(bytes, algorithm), digest)
      assert.equal(algorithmOf(image.root.digest), algorithm)
      assert.equal(image.blobs.size, 1 + 2 * 3)
    })
  }

  it('gives the same bytes for the same spec, and others for another seed', async () => {
    const spec = { seed: 'a', platforms: ['linux/amd64', 'linux/arm/v7'], layers: [{ bytes: 3000 }] }
    assert.deepEqual(await anImage(spec), await anImage(spec))
    assert.notEqual((await anImage({ ...spec, seed: 'b' })).root.digest, (await anImage(spec)).root.digest)
  })

  it('lists in the config the digests of the uncompressed layers', async () => {
    const image = await anImage({ layers: [{}, { bytes: 100_000 }, { compression: 'none' }] })
    const { config, layers } = onlyPlatform(image)
    const { rootfs, history, architecture } = jsonOf(image, config)
    const plain = layers.map((layer) => {
      const bytes = bytesOf(image, layer)
      return layer.mediaType === OCI_LAYER ? bytes : gunzipSync(bytes)
    })
    assert.deepEqual(rootfs.diff_ids, await Promise.all(plain.map((bytes) => digestBytes(bytes))))
    assert.equal(history.filter((entry: { empty_layer?: boolean }) => !entry.empty_layer).length, layers.length)
    assert.equal(architecture, 'amd64')
  })

  it('shares layers of the same seed within a platform, and across platforms when told to', async () => {
    const layers = [{ seed: 'base' }, { seed: 'tools', everyPlatform: true }, {}]
    const platforms = ['linux/amd64', 'linux/arm64']
    const [a, b] = [await anImage({ seed: 'a', platforms, layers }), await anImage({ seed: 'b', platforms, layers })]
    const digests = (image: BuiltImage, platform: string) =>
      image.platforms.get(platform)?.layers.map(({ digest }) => digest) ?? []
    const [amd, other, arm] = [digests(a, 'linux/amd64'), digests(b, 'linux/amd64'), digests(a, 'linux/arm64/v8')]
    assert.deepEqual(amd.slice(0, 2), other.slice(0, 2))
    assert.notEqual(amd[2], other[2])
    assert.notEqual(amd[0], arm[0])
    assert.equal(amd[1], arm[1])
  })

  it('makes descriptors that the production parser accepts', async () => {
    const image = await anImage({ platforms: ['linux/amd64', 'linux/arm64'], attestations: true, root: 'nested' })
    const { manifests } = jsonOf(image, image.root)
    assert.equal(manifests.length, 2)
    for (const child of manifests) assert.deepEqual(parseDescriptor(child, 'child'), child)
    const inner = jsonOf(image, manifests[1])
    assert.deepEqual(
      inner.manifests.map(({ platform }: Descriptor) => platform?.architecture),
      ['unknown', 'arm64', 'unknown'],
    )
    assert.equal(inner.manifests[0].annotations['vnd.docker.reference.digest'], manifests[0].digest)
  })

  it('speaks of Docker’s media types when asked', async () => {
    const image = await anImage({ format: 'docker', root: 'index' })
    const { manifest, config, layers } = onlyPlatform(image)
    const types = [image.root, manifest, config, ...layers].map(({ mediaType }) => mediaType)
    assert.deepEqual(types, [DOCKER_INDEX, DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER_GZIP])
    assert.equal(jsonOf(image, image.root).mediaType, DOCKER_INDEX)
    assert.equal(jsonOf(image, manifest).config.mediaType, DOCKER_CONFIG)
  })

  it('serves exactly roots, indexes and manifests as manifests', async () => {
    const image = await anImage({ platforms: ['linux/amd64', 'linux/arm64'] })
    const types = [...image.manifests.values()].map(({ descriptor }) => descriptor.mediaType).sort()
    assert.deepEqual(types, [OCI_INDEX, OCI_MANIFEST, OCI_MANIFEST])
    for (const [digest, { bytes }] of image.manifests) assert.equal(image.blobs.get(digest), bytes)
  })

  it('takes raw layers as they are, also empty ones', async () => {
    const raw = { bytes: new Uint8Array(), mediaType: 'application/octet-stream' }
    const image = await anImage({ layers: [{ raw }] })
    const [layer] = onlyPlatform(image).layers
    assert.deepEqual([layer?.size, layer?.mediaType], [0, 'application/octet-stream'])
    assert.equal(layer?.digest, await digestBytes(new Uint8Array()))
  })

  it('makes streamed layers that unpack, and keeps them out of memory', async () => {
    const image = await anImage({ layers: [{ bytes: 5_000_000, streamed: true }] })
    const { layers, config } = onlyPlatform(image)
    const [layer] = layers
    const content = image.streamed.get(layer?.digest as Digest)
    const gzipped = Buffer.concat([...(content?.read() ?? [])])
    assert.equal(await digestBytes(gzipped), layer?.digest)
    assert.deepEqual([await digestBytes(gunzipSync(gzipped))], jsonOf(image, config).rootfs.diff_ids)
    assert.deepEqual(Buffer.concat([...(content?.read(4_000_000, 4_500_001) ?? [])]), gzipped.subarray(4e6, 4_500_001))
    assert.ok(!image.blobs.has(layer?.digest as Digest))
  })

  it('knows what a cache of some platforms must hold', async () => {
    const image = await anImage({ platforms: ['linux/amd64', 'linux/arm64'], layers: [{ everyPlatform: true }, {}] })
    assert.deepEqual(digestsOf(image), new Set(image.blobs.keys()))
    assert.equal(digestsOf(image, ['linux/amd64']).size, 1 + 1 + 1 + 2)
    assert.throws(() => digestsOf(image, ['plan9/mips']), TypeError)
  })
})

describe('anArtifact', () => {
  it('points at its subject', async () => {
    const { root: subject } = await anImage()
    const blob = { bytes: Buffer.from('signature'), mediaType: 'application/vnd.hearth.signature' }
    const artifact = await anArtifact({ subject, blobs: [blob], artifactType: 'application/vnd.hearth.signature' })
    const manifest = jsonOf(artifact, artifact.root)
    assert.deepEqual(manifest.subject, subject)
    assert.deepEqual(bytesOf(artifact, manifest.layers[0]), blob.bytes)
    assert.equal(manifest.artifactType, blob.mediaType)
  })
})
