/** Images leave a cache and come into another one, in every format: the same digests under the same names. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, it } from 'node:test'
import type { Cache } from '../../src/api.js'
import { openCache } from '../../src/cache.js'
import type { CopyOptions, ExportOptions, ImportOptions } from '../../src/call-options.js'
import { type ErrorCode, isHearthError } from '../../src/errors.js'
import type { ExchangeProgress, ImportedSource } from '../../src/exchange/reports.js'
import type { Digest } from '../../src/oci/digest.js'
import { digestBytes } from '../../src/oci/hasher.js'
import { blobPath } from '../../src/oci/image-layout.js'
import {
  archiveOf,
  blobEntries,
  dockerEntries,
  dockerParts,
  gzipped,
  indexOf,
  ociEntries,
} from '../support/an-archive.js'
import { anArtifact } from '../support/an-artifact.js'
import { anImage, digestsOf } from '../support/an-image.js'
import { namesIn, soundBlobs } from '../support/cache-folder.js'
import { tempDir } from '../support/temp-dir.js'
import { type LayoutEntry, writeLayout } from '../support/write-layout.js'
import { aSkippableFrame, zstdOf } from '../support/zstd.js'

const [MANY, PLAIN] = ['docker.io/library/many:1', 'docker.io/library/plain:1']
const many = await anImage({ seed: 'many', platforms: ['linux/amd64', 'linux/arm64'], layers: [{}, { bytes: 50_000 }] })
const plain = await anImage({ seed: 'plain', layers: [{ compression: 'none' }, { bytes: 3_000_000 }] })

const opened: Cache[] = []
afterEach(async () => void (await Promise.all(opened.splice(0).map((cache) => cache.close()))))

async function aCache(path?: string): Promise<Cache> {
  const cache = await openCache({ path: path ?? join(await tempDir(), 'cache'), env: {} })
  opened.push(cache)
  return cache
}

/** A cache that another tool made. */
async function aFilledCache(...entries: readonly LayoutEntry[]): Promise<Cache> {
  const path = await tempDir()
  await writeLayout(path, entries)
  return await aCache(path)
}

const bothImages: readonly LayoutEntry[] = [
  { name: MANY, image: many, platforms: ['linux/amd64'] },
  { name: PLAIN, image: plain },
]

async function exported(cache: Cache, references: readonly string[], options: Partial<ExportOptions> = {}) {
  const output = options.output ?? join(await tempDir(), 'out')
  await cache.export(references, { output, ...options })
  return output
}

async function imported(cache: Cache, source: string, options: ImportOptions = {}): Promise<ImportedSource> {
  const [result] = (await cache.import(source, options)).results
  return result?.ok ? result : assert.fail(JSON.stringify(result))
}

async function refused(code: ErrorCode, cache: Cache, source: string, options: ImportOptions = {}): Promise<void> {
  const [result] = (await cache.import(source, options)).results
  assert.equal(result?.ok === false && result.failure.code, code, JSON.stringify(result))
}

async function aFile(bytes: Uint8Array): Promise<string> {
  const path = join(await tempDir(), 'archive')
  await writeFile(path, bytes)
  return path
}

const ZSTD_MAGIC = zstdOf(Buffer.alloc(0)).subarray(0, 4)

/** Compressed with zstd as programs do that use several threads: in frames, with one for them alone before. */
function inFrames(archive: Uint8Array): Buffer {
  const half = Math.floor(archive.length / 2)
  return Buffer.concat([
    aSkippableFrame(Buffer.alloc(4)),
    zstdOf(archive.subarray(0, half)),
    zstdOf(archive.subarray(half)),
  ])
}

/** Exactly these blobs, each sound; all that the log and index.json say holds; nothing left of the import. */
async function holds(cache: Cache, digests: Iterable<Digest>): Promise<void> {
  assert.deepEqual(await soundBlobs(cache.path), new Set<string>(digests))
  assert.deepEqual((await cache.verify()).problems, [])
  assert.deepEqual(await readdir(join(cache.path, '.hearth/ingest')), [])
}

describe('images that are exported and imported', () => {
  it('say how far they are, in each format and from each kind of source', async () => {
    const from = await aFilledCache({ name: PLAIN, image: plain })
    const seen: ExchangeProgress[] = []
    const onProgress = (event: ExchangeProgress) => void seen.push(event)
    const last = () => seen.at(-1) ?? assert.fail()
    for (const format of ['oci', 'docker', 'filesystem', 'oci-dir'] as const) {
      const output = await exported(from, ['plain:1'], { format, onProgress })
      const { type, bytes, totalBytes = 0 } = last()
      // Docker's formats and a file system have no place for the manifest.
      assert.ok(
        type === 'export-progress' && bytes <= totalBytes && bytes >= totalBytes - 2000,
        `${bytes} ${totalBytes}`,
      )
      if (format === 'docker' || format === 'filesystem') continue
      const { bytes: brought } = await imported(await aCache(), output, { onProgress })
      const all = format === 'oci' ? (await stat(output)).size : brought
      assert.deepEqual(last(), { type: 'import-progress', source: output, bytes: all, totalBytes: all })
    }
  })

  for (const format of ['oci', 'oci-dir'] as const) {
    it(`keep digests, names and platforms: ${format}`, async () => {
      const from = await aFilledCache(...bothImages)
      const output = await exported(from, ['many:1', 'plain:1'], { format })
      const into = await aCache()
      const { images, blobs, bytes } = await imported(into, output)
      assert.deepEqual(
        images.map(({ reference, digest, platforms, changed }) => [reference, digest, platforms, changed]),
        [
          [MANY, many.root.digest, ['linux/amd64'], true],
          [PLAIN, plain.root.digest, ['linux/amd64'], true],
        ],
      )
      const digests = [...digestsOf(many, ['linux/amd64']), ...digestsOf(plain)]
      await holds(into, digests)
      assert.deepEqual([blobs, bytes > 3_000_000], [digests.length, true])
      const names = await namesIn(into.path)
      assert.deepEqual([names.get(MANY), names.get(PLAIN)], [many.root.digest, plain.root.digest])
      const again = await exported(into, ['plain:1', 'many:1'], { format })
      if (format === 'oci') assert.deepEqual(await readFile(again), await readFile(output))
    })
  }

  it('keep the manifest of the platform: docker', async () => {
    const output = await exported(await aFilledCache(...bothImages), ['many:1', 'plain:1'], { format: 'docker' })
    const into = await aCache()
    const manifest = many.platforms.get('linux/amd64')?.manifest.digest
    const { images } = await imported(into, output)
    assert.deepEqual(
      new Map(images.map(({ reference, digest }) => [reference, digest])),
      new Map([
        [MANY, manifest],
        [PLAIN, plain.root.digest],
      ]),
    )
  })

  it('keep other algorithms, artifacts, annotations and nested indexes', async () => {
    const nested = await anImage({
      seed: 'nested',
      root: 'nested',
      platforms: ['linux/amd64', 'linux/arm64', 'linux/s390x'],
    })
    const blake3 = await anImage({ seed: 'blake3', algorithm: 'blake3' })
    const artifact = await anArtifact({ blobs: [{ bytes: Buffer.from('sbom'), mediaType: 'text/spdx' }] })
    const entries = {
      'example.com/nested:1': nested,
      'example.com/blake3:1': blake3,
      'example.com/artifact:1': artifact,
    }
    const from = await aFilledCache(...Object.entries(entries).map(([name, image]) => ({ name, image })))
    const into = await aCache()
    await imported(into, await exported(from, Object.keys(entries)))
    await holds(into, [...nested.blobs.keys(), ...blake3.blobs.keys(), ...artifact.blobs.keys()])
  })
})

describe('an export', () => {
  it('replaces a file as a whole, follows a link to it, and leaves nothing when it fails', async () => {
    const cache = await aFilledCache(...bothImages)
    const folder = await tempDir()
    const output = join(folder, 'out.tar')
    await writeFile(output, Buffer.alloc(10_000_000))
    await symlink('out.tar', join(folder, 'link'))
    await exported(cache, ['plain:1'], { output: join(folder, 'link') })
    assert.ok((await lstat(join(folder, 'link'))).isSymbolicLink())
    const before = await readFile(output)
    assert.ok(before.length < 10_000_000)
    const layer = plain.platforms.get('linux/amd64')?.layers[1]?.digest ?? assert.fail()
    await writeFile(
      join(cache.path, blobPath(layer)),
      Buffer.alloc((await stat(join(cache.path, blobPath(layer)))).size),
    )
    for (const format of ['oci', 'oci-dir', 'docker'] as const) {
      const failing = cache.export(['plain:1'], { output: format === 'oci-dir' ? join(folder, 'dir') : output, format })
      await assert.rejects(failing, (error) => isHearthError(error, 'DIGEST_MISMATCH'))
    }
    assert.deepEqual(await readFile(output), before)
    assert.deepEqual((await readdir(folder)).sort(), ['link', 'out.tar'])
  })

  it('makes the file that a link leads to, when it is whole', async () => {
    const cache = await aFilledCache(...bothImages)
    const folder = await tempDir()
    const link = join(folder, 'link')
    await symlink('later.tar', link)
    const layer = many.platforms.get('linux/amd64')?.layers[0]?.digest ?? assert.fail()
    const path = join(cache.path, blobPath(layer))
    await writeFile(path, Buffer.alloc((await stat(path)).size))
    const failing = cache.export(['many:1'], { output: link })
    await assert.rejects(failing, (error) => isHearthError(error, 'DIGEST_MISMATCH'))
    assert.deepEqual(await readdir(folder), ['link'])
    await exported(cache, ['plain:1'], { output: link })
    assert.deepEqual((await readdir(folder)).sort(), ['later.tar', 'link'])
    assert.ok((await lstat(link)).isSymbolicLink())
  })

  it('writes a folder only where there is nothing yet', async () => {
    const cache = await aFilledCache(...bothImages)
    const folder = await tempDir()
    await exported(cache, ['plain:1'], { format: 'oci-dir', output: folder })
    await assert.rejects(exported(cache, ['plain:1'], { format: 'oci-dir', output: folder }), {
      code: 'OPTION_INVALID',
    })
    assert.deepEqual((await readdir(folder)).sort(), ['blobs', 'index.json', 'oci-layout'])
    const [empty, link] = [await tempDir(), join(await tempDir(), 'link')]
    await symlink(empty, link)
    await exported(cache, ['plain:1'], { format: 'oci-dir', output: link })
    assert.ok((await lstat(link)).isSymbolicLink())
    assert.deepEqual((await readdir(empty)).sort(), ['blobs', 'index.json', 'oci-layout'])
  })

  it('writes the same Docker archive in whatever order its images are named, also with one config for two', async () => {
    const layers = (compression: 'gzip' | 'none') => ({ layers: [{ seed: 'one', compression }] })
    const [packed, plainly] = [await anImage(layers('gzip')), await anImage(layers('none'))]
    const names = ['example.com/packed:1', 'example.com/plainly:1'] as const
    const cache = await aFilledCache({ name: names[0], image: packed }, { name: names[1], image: plainly })
    const archives = [names, names.toReversed()].map(async (order) =>
      readFile(await exported(cache, order, { format: 'docker' })),
    )
    const [first, second] = await Promise.all(archives)
    assert.notEqual(packed.root.digest, plainly.root.digest)
    assert.ok(first && second?.equals(first))
  })

  it('gives one image another name, and refuses one name for two', async () => {
    const cache = await aFilledCache(...bothImages)
    const into = await aCache()
    await imported(into, await exported(cache, ['plain:1'], { name: 'example.com/app:2' }))
    assert.deepEqual([...(await namesIn(into.path)).keys()], ['example.com/app:2'])
    await assert.rejects(exported(cache, ['plain:1', 'many:1'], { name: 'app' }), { code: 'OPTION_INVALID' })
    await assert.rejects(exported(cache, ['absent:1']), { code: 'REFERENCE_UNKNOWN' })
  })
})

describe('an import', () => {
  it('takes an archive in whatever order its entries come, compressed or not', async () => {
    const entries = ociEntries({ [PLAIN]: plain })
    const archive = await archiveOf(entries)
    for (const bytes of [await archiveOf(entries.toReversed()), await gzipped(archive), inFrames(archive)]) {
      const into = await aCache()
      await imported(into, await aFile(bytes))
      await holds(into, plain.blobs.keys())
    }
  })

  it('takes layers below blobs/ that have a suffix, as rules_oci of Bazel writes them', async () => {
    const into = await aCache()
    const { layers } = plain.platforms.get('linux/amd64') ?? assert.fail()
    const docker = dockerParts(plain)
    const parts = {
      config: docker.config,
      configName: blobPath(await digestBytes(docker.config)),
      layers: docker.layers.map(
        ([, bytes], at) => [`${blobPath(layers[at]?.digest ?? assert.fail())}.tar.gz`, bytes] as const,
      ),
    }
    await imported(into, await aFile(await archiveOf(dockerEntries(parts, [PLAIN]).toReversed())))
    await holds(into, plain.blobs.keys())
  })

  it('passes over what tar on macOS puts beside each file', async () => {
    const into = await aCache()
    const beside = (name: string): string => name.replace(/[^/]+$/, '._$&')
    const entries = ociEntries({ [PLAIN]: plain })
    const doubled = entries.flatMap((entry) => [[beside(`${entry[0]}`), '\0\x05\x16\x07'] as const, entry])
    await imported(into, await aFile(await archiveOf(doubled)))
    await holds(into, plain.blobs.keys())
  })

  it('refuses an archive in zstd that is cut off or damaged, and keeps nothing of it', async () => {
    const into = await aCache()
    const packed = inFrames(await archiveOf(ociEntries({ [PLAIN]: plain })))
    const damaged = Buffer.from(packed)
    // The head of the second frame.
    damaged[packed.lastIndexOf(ZSTD_MAGIC)] = 0
    for (const bytes of [packed.subarray(0, -1), damaged, Buffer.concat([packed, Buffer.from('junk')])]) {
      await refused('ARCHIVE_INVALID', into, await aFile(bytes))
    }
    await holds(into, [])
  })

  it('takes what an index has of its platforms, and adds others later', async () => {
    const into = await aCache()
    for (const [name, expected] of [
      ['linux/arm64/v8', ['linux/arm64/v8']],
      ['linux/amd64', ['linux/amd64', 'linux/arm64/v8']],
    ] as const) {
      const path = await tempDir()
      await writeLayout(path, [{ name: MANY, image: many, platforms: [name] }])
      const { images } = await imported(into, path)
      assert.deepEqual(images[0]?.platforms, expected)
    }
    await holds(into, many.blobs.keys())
    assert.equal((await into.list())[0]?.platforms.length, 2)
  })

  it('writes nothing anew that is here, and heals what has rotted', async () => {
    const into = await aCache()
    const archive = await aFile(await archiveOf(ociEntries({ [PLAIN]: plain })))
    await imported(into, archive)
    const layer = plain.platforms.get('linux/amd64')?.layers[1]?.digest ?? assert.fail()
    const path = join(into.path, blobPath(layer))
    const before = await stat(path)
    const second = await imported(into, archive)
    assert.deepEqual([second.blobs, second.images[0]?.changed], [0, false])
    assert.equal((await stat(path)).ino, before.ino)
    await writeFile(path, 'rotten')
    assert.equal((await imported(into, archive)).blobs, 1)
    await holds(into, plain.blobs.keys())
  })

  it('leaves a name alone that stands for another image, unless it is forced', async () => {
    const into = await aCache()
    const other = await anImage({ seed: 'other' })
    await imported(into, await aFile(await archiveOf(ociEntries({ [PLAIN]: other }))))
    const archive = await aFile(await archiveOf(ociEntries({ [PLAIN]: plain, [MANY]: many })))
    await refused('REFERENCE_EXISTS', into, archive)
    await holds(into, other.blobs.keys())
    assert.deepEqual([...(await namesIn(into.path)).values()], [other.root.digest])
    await imported(into, archive, { force: true })
    assert.equal((await namesIn(into.path)).get(PLAIN), plain.root.digest)
  })

  it('leaves out of the cache what no name of the archive needs', async () => {
    const into = await aCache()
    const stray = await anImage({ seed: 'stray' })
    const entries = [
      ...ociEntries({ [PLAIN]: plain }),
      ...blobEntries(stray),
      ['README', 'text'] as const,
      ['x.tar', 'x'] as const,
    ]
    await imported(into, await aFile(await archiveOf(entries)))
    await holds(into, plain.blobs.keys())
  })

  it('takes several sources, each for itself', async () => {
    const into = await aCache()
    const [good, bad] = [
      await aFile(await archiveOf(ociEntries({ [PLAIN]: plain }))),
      await aFile(Buffer.from('no archive')),
    ]
    const { results } = await into.import([bad, join(await tempDir(), 'absent'), good])
    assert.deepEqual(
      results.map((result) => (result.ok ? 'ok' : result.failure.code)),
      ['ARCHIVE_INVALID', 'INPUT_INVALID', 'ok'],
    )
    await holds(into, plain.blobs.keys())
  })

  it('says that it is the source that cannot be read', async () => {
    // Linux opens one's own memory as a file, and has nothing at its beginning.
    await refused('INPUT_INVALID', await aCache(), '/proc/self/mem')
  })

  it('says so of a socket, which nobody can open', async () => {
    const path = join(await tempDir(), 'socket')
    const server = createServer().listen(path)
    await once(server, 'listening')
    try {
      await refused('INPUT_INVALID', await aCache(), path)
    } finally {
      server.close()
    }
  })

  it('makes no cache for a source that is not there', async () => {
    const path = join(await tempDir(), 'cache')
    await refused('INPUT_INVALID', await aCache(path), join(path, 'absent'))
    await assert.rejects(stat(path), { code: 'ENOENT' })
  })

  it('does not name images by itself', async () => {
    const path = await tempDir()
    await writeLayout(path, [{ image: plain }])
    const into = await aCache()
    await refused('OPTION_INVALID', into, path)
    await imported(into, path, { name: 'example.com/app:1' })
    assert.deepEqual([...(await namesIn(into.path)).keys()], ['example.com/app:1'])
  })

  it('records how the image came', async () => {
    const into = await aCache()
    await imported(into, await aFile(await archiveOf(ociEntries({ [PLAIN]: plain }))))
    const types: string[] = []
    for await (const event of into.history()) {
      types.push(event.type === 'ReferenceSet' ? `${event.reference} ${event.origin}` : event.type)
    }
    assert.deepEqual(types, [...Array.from(plain.blobs.keys(), () => 'BlobCommitted'), `${PLAIN} imported`])
  })
})

describe('an import of a Docker archive', () => {
  const bare = async () =>
    dockerParts(
      await anImage({ seed: 'docker', layers: [{ compression: 'none' }, { compression: 'none', bytes: 100_000 }] }),
    )

  it("keeps the image's id, and its layers as they are, uncompressed or gzipped", async () => {
    for (const image of [await anImage({ seed: 'docker', layers: [{ compression: 'none' }, {}] })]) {
      const into = await aCache()
      const archive = await archiveOf(dockerEntries(dockerParts(image), ['app:1', 'example.com/app:2']))
      for (const bytes of [archive, await gzipped(archive), inFrames(archive)]) {
        const { images } = await imported(into, await aFile(bytes))
        assert.deepEqual(
          images.map(({ reference }) => reference),
          ['docker.io/library/app:1', 'example.com/app:2'],
        )
      }
      const { config, layers } = image.platforms.get('linux/amd64') ?? assert.fail()
      const { root } = await into.inspect('app:1')
      assert.deepEqual(
        root.children.map(({ descriptor }) => descriptor.digest),
        [config, ...layers].map(({ digest }) => digest),
      )
      await holds(into, [root.descriptor.digest, config.digest, ...layers.map(({ digest }) => digest)])
    }
  })

  it('compresses layers when it is told to, the same way each time, and keeps the id', async () => {
    const parts = await bare()
    const archive = await aFile(await archiveOf(dockerEntries(parts, ['app:1'])))
    const [first, second] = [await aCache(), await aCache()]
    for (const into of [first, second]) await imported(into, archive, { compress: true })
    assert.deepEqual(await namesIn(first.path), await namesIn(second.path))
    const { root } = await first.inspect('app:1')
    const [config, ...layers] = root.children.map(({ descriptor }) => descriptor)
    assert.equal(`${config?.digest.slice('sha256:'.length)}.json`, parts.configName)
    assert.deepEqual(
      layers.map(({ mediaType }) => mediaType.split('+')[1]),
      ['gzip', 'gzip'],
    )
    await holds(
      first,
      [root, ...root.children].map(({ descriptor }) => descriptor.digest),
    )
  })

  it('follows links between layers within the archive', async () => {
    const parts = await bare()
    const [[name = '', bytes] = [], ...others] = parts.layers
    const layers = [['linked/layer.tar', bytes ?? assert.fail()] as const, ...others]
    const chain = [
      [{ name, type: '2', linkName: '../middle/layer.tar' }],
      [{ name: 'middle/layer.tar', type: '1', linkName: 'linked/layer.tar' }],
    ] as const
    const entries = dockerEntries({ ...parts, layers }, ['app:1']).slice(0, -1)
    const manifest = [{ Config: parts.configName, RepoTags: ['app:1'], Layers: parts.layers.map(([layer]) => layer) }]
    const into = await aCache()
    await imported(into, await aFile(await archiveOf([...chain, ...entries, ['manifest.json', manifest]])))
    assert.equal((await into.verify()).problems.length, 0)
  })

  it('reads manifest.json where index.json says less, and refuses layers that the config does not know', async () => {
    const parts = await bare()
    const into = await aCache()
    const layers = parts.layers.toReversed()
    await refused('DIGEST_MISMATCH', into, await aFile(await archiveOf(dockerEntries({ ...parts, layers }, ['app:1']))))
    const fewer = dockerEntries({ ...parts, layers: parts.layers.slice(1) }, ['app:1'])
    await refused('ARCHIVE_INVALID', into, await aFile(await archiveOf(fewer)))
    await holds(into, [])
  })
})

describe('a copy into another cache', () => {
  const copied = (from: Cache, references: readonly string[], options: CopyOptions) => from.copy(references, options)

  it('holds the same images, and shares their files where nobody may write to them', async () => {
    const from = await aCache()
    await imported(from, await aFile(await archiveOf(ociEntries({ [PLAIN]: plain }))))
    const to = join(await tempDir(), 'deep/cache')
    const seen: ExchangeProgress[] = []
    const { images, bytes } = await copied(from, ['plain:1'], { to, onProgress: (event) => void seen.push(event) })
    assert.deepEqual(seen.at(-1), { type: 'copy-progress', bytes, totalBytes: bytes })
    assert.deepEqual(
      images.map(({ reference, digest }) => [reference, digest]),
      [[PLAIN, plain.root.digest]],
    )
    await holds(await aCache(to), plain.blobs.keys())
  })

  it('never shares a file that somebody may write to', async () => {
    const from = await aFilledCache({ name: PLAIN, image: plain })
    const to = await tempDir()
    await copied(from, ['plain:1'], { to })
    for (const digest of plain.blobs.keys()) {
      const [source, target] = await Promise.all([from.path, to].map((path) => stat(join(path, blobPath(digest)))))
      assert.notEqual(source?.ino, target?.ino)
      assert.equal((target?.mode ?? 0) & 0o777, 0o444)
    }
  })

  it('brings nothing that has rotted, and replaces no name', async () => {
    const from = await aFilledCache({ name: PLAIN, image: plain })
    const layer = plain.platforms.get('linux/amd64')?.layers[0] ?? assert.fail()
    await writeFile(join(from.path, blobPath(layer.digest)), Buffer.alloc(layer.size))
    const to = await tempDir()
    await assert.rejects(copied(from, ['plain:1'], { to }), { code: 'DIGEST_MISMATCH' })
    await holds(await aCache(to), [])
    const other = await anImage({ seed: 'other' })
    const source = await aFilledCache({ name: PLAIN, image: other })
    await copied(source, ['plain:1'], { to })
    const third = await aFilledCache({ name: PLAIN, image: await anImage({ seed: 'third' }) })
    await assert.rejects(copied(third, ['plain:1'], { to }), { code: 'REFERENCE_EXISTS' })
    await holds(await aCache(to), other.blobs.keys())
  })
})

describe('a layout of another tool', () => {
  it('is imported as it lies there: names, sparse indexes, files nobody knows', async () => {
    const path = await tempDir()
    await writeLayout(path, bothImages)
    await mkdir(join(path, 'extra'))
    const into = await aCache()
    await imported(into, path)
    await holds(into, [...digestsOf(many, ['linux/amd64']), ...digestsOf(plain)])
  })

  it('is not trusted: a blob that is not its own is refused, and so is a layout that lacks one', async () => {
    const path = await tempDir()
    await writeLayout(path, [{ name: PLAIN, image: plain }])
    const layer = plain.platforms.get('linux/amd64')?.layers[0] ?? assert.fail()
    await writeFile(join(path, blobPath(layer.digest)), Buffer.alloc(layer.size))
    const into = await aCache()
    await refused('DIGEST_MISMATCH', into, path)
    await writeFile(join(path, blobPath(layer.digest)), 'short')
    await refused('SIZE_MISMATCH', into, path)
    await writeFile(join(path, 'index.json'), JSON.stringify(indexOf([{ ...many.root, annotations: {} }])))
    await refused('OPTION_INVALID', into, path)
    await refused('BLOB_UNKNOWN', into, path, { name: 'x:1' })
    await holds(into, [])
  })
})
