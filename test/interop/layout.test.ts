/** The cache as an image layout: what other programs read from it, and what becomes of what they write to it. */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { anImage, type BuiltImage } from '../support/an-image.js'
import { namesIn, soundBlobs } from '../support/cache-folder.js'
import { hearthOk } from '../support/hearth.js'
import { interop, runTool } from '../support/interop.js'
import { type RawRegistry, startRawRegistry } from '../support/raw-registry.js'
import { tempDir } from '../support/temp-dir.js'
import { writeLayout } from '../support/write-layout.js'

const AMD64 = ['--platform', 'linux/amd64']
const SELECT = ['--override-os', 'linux', '--override-arch', 'amd64']

let registry: RawRegistry
let many: BuiltImage
let plain: BuiltImage
let manyName: string
let plainName: string
/** A cache with both, for tests that only read. */
let readOnly: string

before(async () => {
  registry = await startRawRegistry()
  many = await anImage({ seed: 'many', platforms: ['linux/amd64', 'linux/arm64'], layers: [{}, { bytes: 5000 }] })
  plain = await anImage({ seed: 'plain', layers: [{}, { bytes: 6000 }] })
  manyName = registry.add(many, 'library/many', '1.0')
  plainName = registry.add(plain, 'library/plain', '1.0')
  readOnly = await aPulledCache()
})
after(() => registry.close())

async function aPulledCache(): Promise<string> {
  const cache = await tempDir()
  await hearthOk(['pull', manyName, plainName, ...AMD64, '--cache', cache])
  return cache
}

const layersOf = (image: BuiltImage) => image.platforms.get('linux/amd64')?.layers.map(({ digest }) => digest)
const amd64Of = (image: BuiltImage) => image.platforms.get('linux/amd64')?.manifest.digest
const layerFile = (seed: string) => `etc/hearth/${seed}-0-linux-amd64`

describe('skopeo on a cache', interop('skopeo'), () => {
  it('inspects an image whose other platforms are not there', async () => {
    for (const [name, image] of [
      [manyName, many],
      [plainName, plain],
    ] as const) {
      const inspected = JSON.parse(await runTool('skopeo', ...SELECT, 'inspect', `oci:${readOnly}:${name}`))
      assert.deepEqual([inspected.Digest, inspected.Layers], [image.root.digest, layersOf(image)])
    }
  })

  it('copies it out, byte for byte', async () => {
    const out = await tempDir()
    await runTool('skopeo', ...SELECT, '--insecure-policy', 'copy', `oci:${readOnly}:${manyName}`, `dir:${out}`)
    const manifest = many.platforms.get('linux/amd64')?.manifest.digest ?? assert.fail()
    assert.deepEqual(await readFile(join(out, 'manifest.json')), many.blobs.get(manifest))
    for (const digest of layersOf(many) ?? assert.fail()) {
      assert.deepEqual(await readFile(join(out, digest.slice('sha256:'.length))), many.blobs.get(digest))
    }
  })

  it('copies all platforms out of a cache that has all', async () => {
    const [cache, out] = [await tempDir(), await tempDir()]
    await hearthOk(['pull', manyName, '--platform', 'all', '--cache', cache])
    await runTool('skopeo', '--insecure-policy', 'copy', '--all', `oci:${cache}:${manyName}`, `oci:${out}:copy`)
    assert.equal((await namesIn(out)).get('copy'), many.root.digest)
    assert.deepEqual(await soundBlobs(out), new Set(many.blobs.keys()))
  })

  it('copies an image in, which hearth lists, takes into its log, and needs not fetch again', async () => {
    const [cache, layout] = [await aPulledCache(), await tempDir()]
    const image = await anImage({ seed: 'theirs', layers: [{}, { bytes: 7000 }] })
    await writeLayout(layout, [{ name: 'image', image }])
    const theirs = registry.add(image, 'library/theirs', '1.0')
    await runTool('skopeo', '--insecure-policy', 'copy', `oci:${layout}:image`, `oci:${cache}:${theirs}`)
    assert.match(await hearthOk(['ls', '--cache', cache]), new RegExp(`^${theirs} `, 'm'))
    registry.requests.length = 0
    await hearthOk(['pull', theirs, ...AMD64, '--cache', cache])
    assert.deepEqual(registry.requests, [])
    assert.equal((await namesIn(cache)).get(theirs), image.root.digest)
    assert.match(await hearthOk(['log', '--cache', cache]), new RegExp(`ReferenceSet +${theirs} .*\\(adopted\\)`))
    await hearthOk(['verify', '--cache', cache])
  })

  it('copies an image in under a short name, which survives the next pull beside all others', async () => {
    const [cache, layout] = [await aPulledCache(), await tempDir()]
    const image = await anImage({ seed: 'short' })
    await writeLayout(layout, [{ name: 'image', image }])
    await runTool('skopeo', '--insecure-policy', 'copy', `oci:${layout}:image`, `oci:${cache}:newname`)
    const other = registry.add(await anImage({ seed: 'other' }), 'library/other', '1.0')
    await hearthOk(['pull', other, ...AMD64, '--cache', cache])
    const names = await namesIn(cache)
    assert.equal(names.get('newname'), image.root.digest)
    assert.deepEqual([...names.keys()].sort(), [manyName, `${manyName}-amd64`, plainName, other, 'newname'].sort())
    await runTool('skopeo', ...SELECT, 'inspect', `oci:${cache}:newname`)
  })
})

describe('umoci on a cache', interop('umoci'), () => {
  const umoci = (verb: string, image: string, ...rest: string[]) =>
    runTool('umoci', ...verb.split(' '), '--image', image, ...rest)

  it('lists every name, and each platform by a name of its own', async () => {
    const listed = await runTool('umoci', 'ls', '--layout', readOnly)
    assert.deepEqual(listed.trim().split('\n').sort(), [manyName, `${manyName}-amd64`, plainName].sort())
  })

  it('reads an image of one platform by its name, and one of several by the name of the platform', async () => {
    for (const [name, image] of [
      [plainName, plain],
      [`${manyName}-amd64`, many],
    ] as const) {
      const { history } = JSON.parse(await umoci('stat', `${readOnly}:${name}`, '--json'))
      const layers = (history as { layer?: { digest: string } }[]).flatMap(({ layer }) => layer?.digest ?? [])
      assert.deepEqual(layers, layersOf(image))
    }
  })

  it('unpacks the platform', async () => {
    const bundle = join(await tempDir(), 'bundle')
    await umoci('unpack --rootless', `${readOnly}:${manyName}-amd64`, bundle)
    assert.equal(await readFile(join(bundle, 'rootfs', layerFile('many')), 'utf8'), 'layer many-0 linux/amd64\n')
  })

  it('leaves nothing in the cache that hearth would trip over', async () => {
    await umoci('stat', `${readOnly}:${plainName}`)
    assert.deepEqual((await readdir(readOnly)).sort(), ['.hearth', '.lock', 'blobs', 'index.json', 'oci-layout'])
  })

  it('tags an image, and the tag is taken into the log and kept', async () => {
    const cache = await aPulledCache()
    await umoci('tag', `${cache}:${plainName}`, 'mine')
    await umoci('tag', `${cache}:${manyName}-amd64`, 'platform')
    assert.match(await hearthOk(['ls', '--cache', cache]), /^mine .*\n(?:.*\n)*platform /m)
    await hearthOk(['pull', '--pull', 'never', plainName, ...AMD64, '--cache', cache])
    const names = await namesIn(cache)
    assert.deepEqual([names.get('mine'), names.get('platform')], [plain.root.digest, amd64Of(many)])
    assert.equal(names.size, 5)
    await hearthOk(['rm', manyName, '--cache', cache])
    await umoci('stat', `${cache}:platform`)
    await hearthOk(['verify', '--cache', cache])
  })

  it('removes a name, which hearth takes for removed; a platform’s name comes back', async () => {
    const cache = await aPulledCache()
    await umoci('rm', `${cache}:${plainName}`)
    await umoci('rm', `${cache}:${manyName}-amd64`)
    await hearthOk(['pull', '--pull', 'never', manyName, ...AMD64, '--cache', cache])
    assert.deepEqual([...(await namesIn(cache)).keys()], [manyName, `${manyName}-amd64`])
    assert.match(await hearthOk(['log', '--cache', cache]), new RegExp(`ReferenceRemoved +${plainName}$`, 'm'))
    await umoci('stat', `${cache}:${manyName}-amd64`)
  })

  it('moves a name to an image that it changed, which hearth follows', async () => {
    const cache = await aPulledCache()
    await umoci('config --author someone', `${cache}:${plainName}`)
    const moved = (await namesIn(cache)).get(plainName)
    assert.notEqual(moved, plain.root.digest)
    await hearthOk(['pull', '--pull', 'never', plainName, ...AMD64, '--cache', cache])
    assert.equal((await namesIn(cache)).get(plainName), moved)
    await hearthOk(['verify', '--cache', cache])
  })
})
