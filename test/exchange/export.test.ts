import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemoryBlobStore } from '../../src/blobs/memory-blob-store.js'
import { type ErrorCode, isHearthError } from '../../src/errors.js'
import { type ExportRequest, exportImages } from '../../src/exchange/export.js'
import type { Digest } from '../../src/oci/digest.js'
import { blobPath } from '../../src/oci/image-layout.js'
import { parsePlatform } from '../../src/oci/platform.js'
import { aSink, filesIn } from '../support/a-sink.js'
import { anArtifact } from '../support/an-artifact.js'
import { anImage, type BuiltImage, digestsOf } from '../support/an-image.js'

const [AMD64, ARM64, S390X] = ['linux/amd64', 'linux/arm64', 'linux/s390x'].map(parsePlatform)
const ref = (image: BuiltImage, name = 'docker.io/library/a:1') => ({ name, root: image.root })

/** A store that holds these platforms of the image, or all. */
function aStore(image: BuiltImage, platforms?: readonly string[], store = new MemoryBlobStore()): MemoryBlobStore {
  const wanted = platforms && digestsOf(image, platforms)
  for (const [digest, bytes] of image.blobs) {
    if (wanted === undefined || wanted.has(digest)) store.put(store.pathOf(digest), bytes)
  }
  return store
}

/** What became of an output. */
async function run(store: MemoryBlobStore, request: ExportRequest) {
  const sink = aSink()
  const folder = new Map<string, Buffer>()
  const done: string[] = []
  const pending = { finish: async () => void done.push('finished'), abandon: async () => void done.push('abandoned') }
  const exporting = exportImages(request, {
    blobs: store,
    hostPlatform: AMD64 ?? assert.fail(),
    openFile: async () => ({ ...sink, ...pending }),
    openFolder: async () => ({
      ...pending,
      async add(name, size, content) {
        const file = aSink()
        if (content instanceof Uint8Array) await file.write(content)
        else for await (const chunk of content) await file.write(chunk)
        assert.equal(file.bytes().length, size)
        folder.set(name, file.bytes())
      },
    }),
  })
  const outcome = await exporting.then(
    (report) => ({ report }),
    (error: unknown) => ({ error }),
  )
  return { ...outcome, done, folder, archive: sink.bytes() }
}

async function exported(store: MemoryBlobStore, request: ExportRequest): Promise<Map<string, Buffer>> {
  const result = await run(store, request)
  if ('error' in result) throw result.error
  assert.deepEqual(result.done, ['finished', 'abandoned'])
  return request.format === 'oci-dir' ? result.folder : filesIn(result.archive)
}

async function refused(code: ErrorCode, store: MemoryBlobStore, request: ExportRequest): Promise<void> {
  const result = await run(store, request)
  assert.ok('error' in result && isHearthError(result.error, code), JSON.stringify(result))
  assert.ok(!result.done.includes('finished'))
}

const blobsOf = (files: ReadonlyMap<string, Buffer>) =>
  new Set([...files.keys()].filter((name) => name.startsWith('blobs/')))
const pathsOf = (digests: Iterable<Digest>) => new Set<string>([...digests].map(blobPath))
const indexIn = (files: ReadonlyMap<string, Buffer>) => JSON.parse(`${files.get('index.json')}`).manifests

const many = await anImage({ seed: 'many', platforms: ['linux/amd64', 'linux/arm64'], attestations: true })
const plain = await anImage({ seed: 'plain', layers: [{}, { bytes: 3000 }] })

describe('an export as an OCI archive', () => {
  it('holds what is here of the index, which stays as it is', async () => {
    const files = await exported(aStore(many, ['linux/amd64']), { images: [ref(many)], format: 'oci' })
    assert.deepEqual(blobsOf(files), pathsOf(digestsOf(many, ['linux/amd64'])))
    assert.deepEqual(files.get(blobPath(many.root.digest)), many.blobs.get(many.root.digest))
    const [entry] = indexIn(files)
    assert.deepEqual(
      [entry.digest, entry.mediaType, entry.size],
      [many.root.digest, many.root.mediaType, many.root.size],
    )
    assert.equal(entry.annotations['org.opencontainers.image.ref.name'], 'docker.io/library/a:1')
    assert.equal(entry.annotations['io.containerd.image.name'], 'docker.io/library/a:1')
    assert.equal(`${files.get('oci-layout')}`, '{"imageLayoutVersion":"1.0.0"}')
  })

  it('holds all platforms, and attestations, when all are asked for and here', async () => {
    const files = await exported(aStore(many), { images: [ref(many)], format: 'oci', platform: 'all' })
    assert.deepEqual(blobsOf(files), pathsOf(many.blobs.keys()))
  })

  it('holds one manifest when a platform is asked for', async () => {
    const files = await exported(aStore(many), { images: [ref(many)], format: 'oci', platform: ARM64 ?? assert.fail() })
    const built = many.platforms.get('linux/arm64/v8') ?? assert.fail()
    assert.equal(indexIn(files)[0].digest, built.manifest.digest)
    const whole = [built.manifest, built.config, ...built.layers].map(({ digest }) => digest)
    assert.deepEqual(blobsOf(files), pathsOf(whole))
  })

  it('holds several images, each blob once, and the same bytes in whatever order they are asked for', async () => {
    const store = aStore(plain, undefined, aStore(many))
    const images = [ref(plain, 'docker.io/library/p:1'), ref(many), ref(plain, 'docker.io/library/b:1')]
    const [first, second] = [
      await run(store, { images, format: 'oci' }),
      await run(store, { images: images.toReversed(), format: 'oci' }),
    ]
    assert.deepEqual(first.archive, second.archive)
    const files = await filesIn(first.archive)
    assert.deepEqual(blobsOf(files), pathsOf([...many.blobs.keys(), ...plain.blobs.keys()]))
    const names = indexIn(files).map((entry: { annotations: object }) => Object.values(entry.annotations)[0])
    assert.deepEqual(names, ['docker.io/library/a:1', 'docker.io/library/b:1', 'docker.io/library/p:1'])
  })

  it('keeps what another tool said of an image, and an image without a name', async () => {
    const root = { ...plain.root, annotations: { 'dev.example.a': 'b' } }
    const files = await exported(aStore(plain), { images: [{ root }], format: 'oci' })
    assert.deepEqual(indexIn(files)[0].annotations, { 'dev.example.a': 'b' })
  })

  it('holds artifacts, and roots of types that hearth does not know', async () => {
    const artifact = await anArtifact()
    const files = await exported(aStore(artifact), { images: [ref(artifact)], format: 'oci' })
    assert.deepEqual(blobsOf(files), pathsOf(artifact.blobs.keys()))
    const root = { ...plain.root, mediaType: 'application/vnd.example+json' }
    const opaque = await exported(aStore(plain), { images: [{ root }], format: 'oci' })
    assert.deepEqual(blobsOf(opaque), pathsOf([root.digest]))
  })

  it('is refused, naming what is missing, when a platform is not here', async () => {
    const store = aStore(many, ['linux/amd64'])
    const result = await run(store, { images: [ref(many)], format: 'oci', platform: 'all' })
    assert.ok('error' in result && isHearthError(result.error, 'PLATFORM_MISSING'))
    assert.deepEqual([result.error.details.expected, result.done], ['linux/arm64/v8', []])
    const images = [ref(many)]
    await refused('PLATFORM_MISSING', store, { images, format: 'oci', platform: ARM64 ?? assert.fail() })
    await refused('PLATFORM_UNKNOWN', store, { images, format: 'oci', platform: S390X ?? assert.fail() })
    await refused('PLATFORM_MISSING', aStore(many, []), { images, format: 'oci' })
    const one = [ref(plain)]
    await refused('PLATFORM_UNKNOWN', aStore(plain), { images: one, format: 'oci', platform: ARM64 ?? assert.fail() })
  })

  it('is refused before anything is written when a blob is not here, or has another size', async () => {
    const layer = plain.platforms.get('linux/amd64')?.layers[1]?.digest ?? assert.fail()
    const lacking = aStore(plain)
    await lacking.remove([layer])
    await refused('BLOB_UNKNOWN', lacking, { images: [ref(plain)], format: 'oci' })
    const shorter = aStore(plain)
    shorter.put(shorter.pathOf(layer), Buffer.from('short'))
    await refused('SIZE_MISMATCH', shorter, { images: [ref(plain)], format: 'oci' })
    const rootless = aStore(plain)
    await rootless.remove([plain.root.digest])
    await refused('BLOB_UNKNOWN', rootless, { images: [ref(plain)], format: 'oci' })
  })

  it('is given up when a blob has rotted', async () => {
    const { digest, size } = plain.platforms.get('linux/amd64')?.layers[1] ?? assert.fail()
    const store = aStore(plain)
    store.put(store.pathOf(digest), Buffer.alloc(size))
    const result = await run(store, { images: [ref(plain)], format: 'oci' })
    assert.ok('error' in result && isHearthError(result.error, 'DIGEST_MISMATCH'))
    assert.deepEqual(result.done, ['abandoned'])
  })

  it('stops when it is told to', async () => {
    const signal = AbortSignal.abort()
    await refused('ABORTED', aStore(plain), { images: [ref(plain)], format: 'oci', signal })
  })
})

describe('an export as a folder', () => {
  it('holds the same files as the archive', async () => {
    const images = [ref(many)]
    const folder = await exported(aStore(many), { images, format: 'oci-dir' })
    assert.deepEqual(folder, await exported(aStore(many), { images, format: 'oci' }))
  })
})

describe('an export as a Docker archive', () => {
  it("names config, layers and tags of this machine's platform, and is an OCI archive of it too", async () => {
    const images = [
      ref(many),
      ref(many, 'docker.io/library/b:2'),
      { name: `docker.io/library/c@${many.root.digest}`, root: many.root },
    ]
    const files = await exported(aStore(many), { images, format: 'docker' })
    const { manifest, config, layers } = many.platforms.get('linux/amd64') ?? assert.fail()
    assert.deepEqual(JSON.parse(`${files.get('manifest.json')}`), [
      {
        Config: blobPath(config.digest),
        RepoTags: ['docker.io/library/a:1', 'docker.io/library/b:2'],
        Layers: layers.map(({ digest }) => blobPath(digest)),
      },
    ])
    assert.deepEqual(blobsOf(files), pathsOf([manifest, config, ...layers].map(({ digest }) => digest)))
    for (const entry of indexIn(files)) assert.equal(entry.digest, manifest.digest)
  })

  it('has no tags for an image without a name, or with one that is none', async () => {
    for (const image of [{ root: plain.root }, ref(plain, 'No Name')]) {
      const files = await exported(aStore(plain), { images: [image], format: 'docker' })
      assert.equal(JSON.parse(`${files.get('manifest.json')}`)[0].RepoTags, null)
    }
  })

  it('is refused for all platforms, for one that is not here, and for artifacts', async () => {
    const images = [ref(many)]
    await refused('OPTION_INVALID', aStore(many), { images, format: 'docker', platform: 'all' })
    await refused('PLATFORM_MISSING', aStore(many, ['linux/arm64/v8']), { images, format: 'docker' })
    const artifact = await anArtifact()
    await refused('OPTION_INVALID', aStore(artifact), { images: [ref(artifact)], format: 'docker' })
  })
})

describe('an export of a file system', () => {
  it('is that of one image', async () => {
    const images = [ref(plain), ref(many)]
    await refused('OPTION_INVALID', aStore(plain, undefined, aStore(many)), { images, format: 'filesystem' })
  })
})
