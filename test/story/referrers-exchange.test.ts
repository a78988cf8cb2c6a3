/** What refers to an image is carried with it: out of a cache, into another one, and on to a registry. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Cache, CopyOptions, ExportOptions, ImportedSource, ImportOptions } from '../../src/index.js'
import { openCache } from '../../src/index.js'
import type { Descriptor } from '../../src/oci/descriptor.js'
import { REF_NAME, REFERRER_OF } from '../../src/oci/image-layout.js'
import { referrersTag } from '../../src/oci/referrer.js'
import { archiveOf, blobEntries, indexOf, namedRoot } from '../support/an-archive.js'
import { anArtifact } from '../support/an-artifact.js'
import { anImage, type BuiltImage } from '../support/an-image.js'
import { soundBlobs } from '../support/cache-folder.js'
import { type RawRegistry, startRawRegistry } from '../support/raw-registry.js'
import { tempDir } from '../support/temp-dir.js'

const IMAGE = await anImage({ platforms: ['linux/amd64', 'linux/arm64'] })
const [AMD64, ARM64] = [...IMAGE.platforms.values()].map(({ manifest }) => manifest)
const note = (text: string) => [{ bytes: Buffer.from(text), mediaType: 'text/plain' }]
const SBOM = await anArtifact({ artifactType: 'a/sbom', subject: IMAGE.root, blobs: note('sbom') })
const SIGNATURE = await anArtifact({
  artifactType: 'a/signature',
  subject: AMD64 ?? assert.fail(),
  blobs: note('signature'),
})
const OF_SBOM = await anArtifact({ artifactType: 'a/signature', subject: SBOM.root, blobs: note('of the sbom') })
const COSIGN = await anArtifact({ artifactType: 'a/cosign', blobs: note('cosign') })
const LISTED = [SBOM, SIGNATURE, OF_SBOM]
const ALL = [...LISTED, COSIGN]
const COSIGN_TAG = `${referrersTag(AMD64?.digest ?? assert.fail())}.sig`

const rootsOf = (images: readonly BuiltImage[]): string[] => images.map(({ root }) => root.digest).sort()
const blobsOf = (images: readonly BuiltImage[]) => new Set<string>(images.flatMap(({ blobs }) => [...blobs.keys()]))
const referrersIn = async (cache: Cache, name: string) => (await cache.inspect(name)).referrers
const digestsIn = async (cache: Cache, name: string) =>
  (await referrersIn(cache, name)).map(({ digest }) => digest).sort()

describe('what refers to an image', () => {
  let registry: RawRegistry
  let from: Cache
  let name: string
  const opened: Cache[] = []

  const aCache = async (): Promise<Cache> => {
    const cache = await openCache({ path: join(await tempDir(), 'cache'), env: {} })
    opened.push(cache)
    return cache
  }

  before(async () => {
    registry = await startRawRegistry({ referrersPerPage: 10 })
    name = registry.add(IMAGE, 'team/app', '1')
    for (const artifact of LISTED) registry.add(artifact, 'team/app')
    registry.add(COSIGN, 'team/app', COSIGN_TAG)
    from = await aCache()
    const [result] = (await from.pull(name, { referrers: true, platforms: ['all'] })).results
    assert.ok(result?.ok, JSON.stringify(result))
  })
  after(async () => {
    await Promise.all(opened.map((cache) => cache.close()))
    await registry.close()
  })

  const exported = async (cache: Cache, options: Partial<ExportOptions> = {}): Promise<string> => {
    const output = join(await tempDir(), 'out')
    await cache.export(name, { output, ...options })
    return output
  }
  const imported = async (cache: Cache, source: string, options: ImportOptions = {}): Promise<ImportedSource> => {
    const [result] = (await cache.import(source, options)).results
    return result?.ok ? result : assert.fail(JSON.stringify(result))
  }
  const holdsAll = async (cache: Cache, reference = name) => {
    assert.deepEqual(await digestsIn(cache, reference), rootsOf(ALL))
    assert.deepEqual(await soundBlobs(cache.path), blobsOf([IMAGE, ...ALL]))
    assert.deepEqual((await cache.verify()).problems, [])
  }

  for (const format of ['oci', 'oci-dir'] as const) {
    it(`comes along through ${format}, and on to another registry`, async () => {
      const into = await aCache()
      const { images, referrers } = await imported(into, await exported(from, { format }))
      assert.deepEqual([images.map(({ reference }) => reference), referrers], [[name], ALL.length])
      await holdsAll(into)
      assert.deepEqual(await referrersIn(into, name), await referrersIn(from, name))
      const target = await startRawRegistry({ uploads: { subjects: true }, referrersPerPage: 10 })
      try {
        const [pushed] = (await into.push(name, { remoteName: `${target.host}/copy/app:1` })).results
        assert.ok(pushed?.ok && pushed.referrers === ALL.length, JSON.stringify(pushed))
        const held = target.repository('copy/app')
        for (const { root } of ALL) assert.ok(held.hasManifest(root.digest))
        assert.equal(held.tagged(COSIGN_TAG), COSIGN.root.digest)
      } finally {
        await target.close()
      }
      assert.equal((await into.remove([name])).removed.length, 1 + ALL.length)
      assert.equal((await soundBlobs(into.path)).size, 0)
    })
  }

  it('comes along in a copy, and twice changes nothing', async () => {
    const target = await aCache()
    const copied = (options: Partial<CopyOptions> = {}) => from.copy(name, { to: target.path, ...options })
    assert.equal((await copied({ referrers: false })).referrers, 0)
    assert.deepEqual(await digestsIn(target, name), [])
    assert.equal((await copied()).referrers, ALL.length)
    await holdsAll(target)
    const before = await readFile(join(target.path, 'index.json'))
    assert.equal((await copied()).blobs, 0)
    assert.deepEqual(await readFile(join(target.path, 'index.json')), before)
  })

  it('is in the archive in the same bytes, whichever way it came here', async () => {
    const [into, another] = [await aCache(), await aCache()]
    const first = await exported(from)
    await imported(into, first)
    await imported(another, await asOras())
    await another.import(first, { force: true })
    for (const cache of [into, another])
      assert.ok((await readFile(first)).equals(await readFile(await exported(cache))))
  })

  it('is what refers to the one platform that is exported, and nothing where that is not wanted', async () => {
    const into = await aCache()
    const output = join(await tempDir(), 'amd64')
    const report = await from.export(name, { output, platform: 'linux/amd64' })
    assert.deepEqual([report.images.length, report.referrers], [1, 2])
    await imported(into, output)
    assert.deepEqual(await digestsIn(into, name), rootsOf([SIGNATURE, COSIGN]))
    for (const options of [{ referrers: false }, { format: 'docker' }, { format: 'filesystem' }] as const) {
      const platform = options === undefined ? {} : { platform: 'linux/amd64' }
      const alone = await from.export(name, { output: join(await tempDir(), 'alone'), ...platform, ...options })
      assert.equal(alone.referrers, 0)
    }
  })

  it('follows its image under another name', async () => {
    const [into, another] = [await aCache(), await aCache()]
    await imported(into, await exported(from, { name: 'example.com/other:2' }))
    await imported(another, await exported(from), { name: 'example.com/other:2' })
    for (const cache of [into, another]) {
      const names = (await cache.list()).map(({ reference }) => reference)
      assert.ok(names.includes(`example.com/other:${COSIGN_TAG}`), names.join())
      await holdsAll(cache, 'example.com/other:2')
    }
  })

  /** An archive as oras writes it: every manifest without a name is listed, those of the platforms too. */
  async function asOras(): Promise<string> {
    const untagged: readonly (Descriptor | undefined)[] = [AMD64, ARM64, ...LISTED.map(({ root }) => root)]
    const manifests = [
      { ...IMAGE.root, annotations: { [REF_NAME]: name } },
      ...untagged.filter((root) => root !== undefined),
    ]
    return await anArchive(manifests)
  }
  async function anArchive(manifests: readonly object[]): Promise<string> {
    const path = join(await tempDir(), 'archive')
    const marker = ['oci-layout', '{"imageLayoutVersion":"1.0.0"}'] as const
    await writeFile(path, await archiveOf([marker, ['index.json', indexOf(manifests)], ...blobEntries(IMAGE, ...ALL)]))
    return path
  }

  it('is found in what oras wrote', async () => {
    const into = await aCache()
    const { images, referrers } = await imported(into, await asOras())
    assert.deepEqual([images.map(({ digest }) => digest), referrers], [[IMAGE.root.digest], LISTED.length])
    assert.deepEqual(await digestsIn(into, name), rootsOf(LISTED))
    assert.equal((await into.list()).length, 1 + LISTED.length)
  })

  it('is an image like any other where it has a name, or nothing that it refers to is there', async () => {
    const claim = (root: Descriptor) => ({ ...root, annotations: { [REFERRER_OF]: IMAGE.root.digest } })
    const into = await aCache()
    const named = [namedRoot(IMAGE.root, name), namedRoot(claim(COSIGN.root), 'example.com/app:victim')]
    const { images, referrers } = await imported(into, await anArchive(named))
    assert.deepEqual([images.length, referrers], [2, 0])
    assert.deepEqual(await digestsIn(into, name), [])
    for (const lonely of [[SBOM.root], [namedRoot(IMAGE.root, name), claim(COSIGN.root)]]) {
      const [refused] = (await into.import(await anArchive(lonely))).results
      assert.equal(refused?.ok === false && refused.failure.code, 'OPTION_INVALID')
    }
    await imported(into, await anArchive([SBOM.root, OF_SBOM.root]), { name: 'example.com/sbom:1' })
    assert.deepEqual(await digestsIn(into, 'example.com/sbom:1'), rootsOf([OF_SBOM]))
  })

  it('never takes a name from another one', async () => {
    const into = await aCache()
    const other = await anArtifact({ artifactType: 'a/cosign', blobs: note('somebody else’s') })
    const cosign = name.replace(/:1$/, `:${COSIGN_TAG}`)
    const path = join(await tempDir(), 'archive')
    const marker = ['oci-layout', '{"imageLayoutVersion":"1.0.0"}'] as const
    await writeFile(
      path,
      await archiveOf([marker, ['index.json', indexOf([namedRoot(other.root, cosign)])], ...blobEntries(other)]),
    )
    await imported(into, path)
    const archive = await exported(from)
    const [refused] = (await into.import(archive)).results
    assert.equal(refused?.ok === false && refused.failure.code, 'REFERENCE_EXISTS')
    assert.equal((await into.list()).length, 1)
    await imported(into, archive, { force: true })
    assert.deepEqual(await digestsIn(into, name), rootsOf(ALL))
  })
})
