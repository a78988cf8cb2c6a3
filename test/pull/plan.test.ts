import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import type { Descriptor } from '../../src/oci/descriptor.js'
import { type Index, type Manifest, parseManifest } from '../../src/oci/manifest.js'
import { OCI_CONFIG, OCI_EMPTY, OCI_INDEX, OCI_LAYER, OCI_MANIFEST } from '../../src/oci/media-type.js'
import { parsePlatform } from '../../src/oci/platform.js'
import { leavesOf, type PlannedManifest, planImage, platformName, selectChildren } from '../../src/pull/plan.js'
import { aBlob } from '../support/a-blob.js'
import { anImage, type BuiltImage, type ImageSpec } from '../support/an-image.js'

const FOREIGN = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip'
const [amd64, arm64, armv7, s390x] = ['linux/amd64', 'linux/arm64', 'linux/arm/v7', 'linux/s390x'].map(parsePlatform)
if (!amd64 || !arm64 || !armv7 || !s390x) throw new TypeError('four platforms')

describe('selectChildren', async () => {
  const child = async (platform?: string, mediaType = OCI_MANIFEST): Promise<Descriptor> => {
    const { digest, size } = await aBlob(`${platform} ${mediaType}`)
    return { mediaType, digest, size, ...(platform !== undefined && { platform: parsePlatform(platform) }) }
  }
  const indexOf = (...manifests: readonly Descriptor[]): Index => ({ kind: 'index', mediaType: OCI_INDEX, manifests })
  const [one, two, v6] = [await child('linux/amd64'), await child('linux/arm64'), await child('linux/arm/v6')]
  const unknown: Descriptor = { ...(await child()), platform: { os: 'unknown', architecture: 'unknown' } }
  const nested = await child(undefined, OCI_INDEX)
  const plain = await child(undefined, OCI_MANIFEST)

  it('takes the child of the wanted platform alone', () => {
    assert.deepEqual(selectChildren(indexOf(one, two, unknown), [amd64]), [one])
  })

  it('takes each wanted platform’s child once', () => {
    assert.deepEqual(selectChildren(indexOf(one, two), [amd64, arm64, amd64]), [one, two])
  })

  it('takes everything for `all`: attestations, nested indexes and what is for no platform', () => {
    const index = indexOf(one, unknown, nested, plain)
    assert.deepEqual(selectChildren(index, 'all'), index.manifests)
  })

  it('takes everything when no child says a word on platforms: a bundle of artifacts', () => {
    assert.deepEqual(selectChildren(indexOf(plain, nested), [amd64]), [plain, nested])
  })

  it('takes a lower variant when there is no better one', () => {
    assert.deepEqual(selectChildren(indexOf(one, v6), [armv7]), [v6])
  })

  it('looks into nested indexes only for what this level lacks', () => {
    assert.deepEqual(selectChildren(indexOf(one, nested), [amd64]), [one])
    assert.deepEqual(selectChildren(indexOf(one, nested), [s390x]), [nested])
    assert.deepEqual(selectChildren(indexOf(one, nested), [amd64, s390x]), [one, nested])
  })

  it('takes manifests that do not say what they are for only when nothing else fits', () => {
    assert.deepEqual(selectChildren(indexOf(plain, one), [amd64]), [one])
    assert.deepEqual(selectChildren(indexOf(plain, unknown), [amd64]), [plain])
  })

  it('takes nothing when nothing fits', () => {
    assert.deepEqual(selectChildren(indexOf(one, two), [s390x]), [])
    assert.deepEqual(selectChildren(indexOf(), [amd64]), [])
  })
})

describe('leavesOf', async () => {
  const leaf = async (name: string, mediaType: string): Promise<Descriptor> => {
    const { digest, size } = await aBlob(name)
    return { mediaType, digest, size }
  }
  const config = await leaf('config', OCI_CONFIG)
  const layer = await leaf('layer', OCI_LAYER)
  const foreign = await leaf('foreign', FOREIGN)
  const manifest = (...layers: readonly Descriptor[]): Manifest => ({
    kind: 'manifest',
    mediaType: OCI_MANIFEST,
    config,
    layers,
  })

  it('gives config and layers, each once', () => {
    assert.deepEqual(leavesOf(manifest(layer, layer)), [config, layer])
  })

  it('gives the config of an image without layers', () => {
    assert.deepEqual(leavesOf(manifest()), [config])
  })

  it('gives a blob once that is config and layer at the same time', async () => {
    const empty = await leaf('{}', OCI_EMPTY)
    assert.deepEqual(leavesOf({ ...manifest({ ...empty, mediaType: OCI_LAYER }), config: empty }), [empty])
  })

  it('leaves out layers that registries do not hold', () => {
    const oci = { ...foreign, mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip' }
    assert.deepEqual(leavesOf(manifest(foreign, layer)), [config, layer])
    assert.deepEqual(leavesOf(manifest(oci, layer)), [config, layer])
  })

  it('keeps a layer that is listed a second time as one that registries hold', () => {
    const held = { ...foreign, mediaType: OCI_LAYER }
    assert.deepEqual(leavesOf(manifest(foreign, held)), [config, held])
  })
})

describe('planImage', () => {
  /** What a walk would have met: the root, then what `wanted` chose, level by level. */
  async function walked(spec: ImageSpec, wanted: Parameters<typeof selectChildren>[1]) {
    const image = await anImage(spec)
    const found: PlannedManifest[] = []
    let level: readonly Descriptor[] = [image.root]
    while (level.length > 0) {
      const read = level.map((descriptor) => ({ descriptor, parsed: parsed(image, descriptor) }))
      found.push(...read)
      level = read.flatMap(({ parsed }) => (parsed.kind === 'index' ? selectChildren(parsed, wanted) : []))
    }
    return { image, found }
  }
  const parsed = ({ manifests }: BuiltImage, { digest, mediaType }: Descriptor) =>
    parseManifest(manifests.get(digest)?.bytes ?? assert.fail(), mediaType)
  const PLATFORMS = ['linux/amd64', 'linux/arm64']

  it('puts children before parents, and the root last', async () => {
    const { image, found } = await walked(
      { platforms: ['linux/amd64', 'linux/arm64', 'linux/s390x'], root: 'nested' },
      'all',
    )
    const order = planImage(found, 'all').manifests.map(({ descriptor }) => descriptor.digest)
    assert.equal(order.at(-1), image.root.digest)
    for (const { descriptor, parsed } of found) {
      if (parsed.kind !== 'index') continue
      for (const child of parsed.manifests) assert.ok(order.indexOf(child.digest) < order.indexOf(descriptor.digest))
    }
  })

  it('names the manifest that serves each wanted platform', async () => {
    const { image, found } = await walked({ platforms: PLATFORMS }, [arm64])
    const { platforms } = planImage(found, [arm64])
    assert.deepEqual([...platforms.keys()], ['linux/arm64/v8'])
    assert.equal(platforms.get('linux/arm64/v8')?.digest, image.platforms.get('linux/arm64/v8')?.manifest.digest)
  })

  it('names what was found, not what was asked, where a lower variant serves', async () => {
    const { found } = await walked({ platforms: ['linux/arm/v6', 'linux/amd64'] }, [armv7])
    assert.deepEqual([...planImage(found, [armv7]).platforms.keys()], ['linux/arm/v6'])
  })

  it('names every platform for `all`, but not BuildKit’s attestations', async () => {
    const { found } = await walked({ platforms: PLATFORMS, attestations: true }, 'all')
    assert.deepEqual([...planImage(found, 'all').platforms.keys()], ['linux/amd64', 'linux/arm64/v8'])
  })

  it('names no platform for a plain image: its config does', async () => {
    const { image, found } = await walked({}, [s390x])
    const plan = planImage(found, [s390x])
    assert.equal(plan.platforms.size, 0)
    assert.deepEqual(
      plan.manifests.map(({ descriptor }) => descriptor.digest),
      [image.root.digest],
    )
  })

  it('adds up everything once, also what platforms share', async () => {
    const layers = [{ seed: 'shared', everyPlatform: true, bytes: 5000 }]
    const { image, found } = await walked({ platforms: PLATFORMS, layers }, 'all')
    const plan = planImage(found, 'all')
    assert.equal(plan.leaves.length, 3, 'two configs and one layer')
    assert.equal(
      plan.size,
      [...image.blobs.values()].reduce((sum, { length }) => sum + length, 0),
    )
  })

  it('refuses a platform that is nowhere, and says which there are', async () => {
    const { found } = await walked({ platforms: PLATFORMS, attestations: true }, [s390x])
    assert.throws(
      () => planImage(found, [s390x]),
      (error) =>
        isHearthError(error, 'PLATFORM_UNKNOWN') &&
        error.details.expected === 'linux/s390x' &&
        error.details.actual === 'linux/amd64,linux/arm64/v8',
    )
  })

  it('finds a platform in a nested index', async () => {
    const { found } = await walked({ platforms: ['linux/amd64', 'linux/s390x'], root: 'nested' }, [s390x])
    assert.deepEqual([...planImage(found, [s390x]).platforms.keys()], ['linux/s390x'])
  })

  it('keeps a root of unknown type as it is, without leaves', async () => {
    const { digest, size } = await aBlob('{}')
    const root = { mediaType: 'application/vnd.example.thing+json', digest, size }
    const plan = planImage([{ descriptor: root, parsed: { kind: 'opaque', mediaType: root.mediaType } }], [amd64])
    assert.deepEqual([plan.root, plan.leaves, plan.size], [root, [], size])
  })

  it('is a defect of the caller without a root', () => {
    assert.throws(() => planImage([], 'all'), TypeError)
  })
})

describe('platformName', () => {
  it('is one name for each platform, whatever the spelling', () => {
    const spellings = [
      { os: 'linux', architecture: 'aarch64' },
      { os: 'Linux', architecture: 'arm64', variant: '8' },
      { os: 'linux', architecture: 'arm64', variant: 'v8' },
    ]
    assert.deepEqual(new Set(spellings.map(platformName)), new Set(['linux/arm64/v8']))
  })
})
