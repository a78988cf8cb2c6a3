/** The command, on images that other tools made: the file system in the archive is the one that umoci unpacks. */
import assert from 'node:assert/strict'
import { link, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import fc from 'fast-check'
import { digestBytes } from '../../src/oci/hasher.js'
import { blobPath, INDEX_FILE } from '../../src/oci/image-layout.js'
import { OCI_INDEX } from '../../src/oci/media-type.js'
import { archived, extract, factsOf } from '../support/gnu-tar.js'
import { hearthOk } from '../support/hearth.js'
import { interop, runTool } from '../support/interop.js'
import { randomLayers, withoutImpossible } from '../support/random-layers.js'
import { seededBytes } from '../support/seeded-bytes.js'
import { tempDir } from '../support/temp-dir.js'
import { stackOf, timeless, twoViews } from '../support/umoci-unpack.js'

const isRoot = process.getuid?.() === 0
const options = isRoot ? interop('umoci', 'skopeo') : { skip: 'owners and devices need root' }

describe('the file system of an image', options, () => {
  let layout: string

  before(async () => {
    layout = join(await tempDir(), 'layout')
    await runTool('umoci', 'init', '--layout', layout)
    for (const architecture of ['amd64', 'arm64']) await build(`${layout}:${architecture}`, architecture)
    await addIndex(layout, 'both', ['amd64', 'arm64'])
  })

  for (const architecture of ['amd64', 'arm64']) {
    it(`is what umoci unpacks for ${architecture}, out of an index`, async () => {
      const folder = await tempDir()
      const facts = await exported(layout, ['both', '--platform', `linux/${architecture}`], folder)
      assert.equal(facts.get('etc/architecture')?.content, architecture)
      assert.deepEqual([facts.has('srv/low'), facts.has('srv/high'), facts.has('opt/gone')], [false, true, false])
      const umocis = await unpacked(`${layout}:${architecture}`, folder)
      assert.deepEqual(timeless(facts, umocis), timeless(umocis, facts))
    })
  }

  it('is the same, byte for byte, once skopeo has compressed the layers with zstd', async () => {
    const folder = await tempDir()
    const zstd = join(folder, 'zstd')
    const copy = ['--insecure-policy', 'copy', '--dest-compress-format', 'zstd', '--dest-compress']
    await runTool('skopeo', ...copy, `oci:${layout}:amd64`, `oci:${zstd}:amd64`)
    const names = await readdir(join(zstd, 'blobs', 'sha256'))
    const heads = await Promise.all(
      names.map(async (name) => (await readFile(join(zstd, 'blobs', 'sha256', name))).subarray(0, 4)),
    )
    assert.ok(heads.filter((head) => head.toString('hex') === '28b52ffd').length >= 4)
    const [gzipped, recompressed] = [
      await exportTo(layout, ['amd64'], join(folder, 'a')),
      await exportTo(zstd, ['amd64'], join(folder, 'b')),
    ]
    assert.ok(gzipped.equals(recompressed))
  })

  it('leaves no file when a layer turns out to be damaged', async () => {
    const folder = await tempDir()
    const copy = join(folder, 'copy')
    await runTool('skopeo', '--insecure-policy', 'copy', `oci:${layout}:amd64`, `oci:${copy}:amd64`)
    const largest = await largestBlob(copy)
    const bytes = await readFile(largest)
    bytes[bytes.length - 20] = (bytes[bytes.length - 20] ?? 0) ^ 1
    await writeFile(largest, bytes)
    await assert.rejects(exportTo(copy, ['amd64'], join(folder, 'out')), /DIGEST_MISMATCH|LAYER_INVALID/)
    assert.deepEqual(await readdir(folder), ['copy'])
  })
})

describe('random stacks of layers', options, () => {
  it('are what umoci unpacks; npm run test:flatten tries many more', async () => {
    const parent = await tempDir()
    for (const layers of fc.sample(randomLayers, { numRuns: 10, seed: 5 })) {
      const { ours, umocis } = await twoViews(await stackOf(withoutImpossible(layers)), parent)
      assert.ok(ours !== undefined && umocis !== undefined)
      assert.deepEqual(timeless(ours, umocis), timeless(umocis, ours))
    }
  })
})

/** Five layers: files, links, what hides them, and what comes after that. */
async function build(image: string, architecture: string): Promise<void> {
  const folder = await tempDir()
  for (const name of ['low/etc', 'low/srv', 'low/opt', 'high']) await mkdir(join(folder, name), { recursive: true })
  await writeFile(join(folder, 'low/etc/architecture'), architecture, { mode: 0o4755 })
  await writeFile(join(folder, 'low/srv/low'), seededBytes(architecture, 300_000))
  await writeFile(join(folder, 'low/opt/gone'), 'gone')
  await link(join(folder, 'low/opt/gone'), join(folder, 'low/opt/kept'))
  await symlink('../etc', join(folder, 'low/opt/etc'))
  await writeFile(join(folder, 'high/high'), 'high')
  await runTool('umoci', 'new', '--image', image)
  await runTool('umoci', 'config', '--image', image, '--os', 'linux', '--architecture', architecture)
  await runTool('umoci', 'insert', '--image', image, join(folder, 'low'), '/')
  await runTool('umoci', 'insert', '--image', image, '--opaque', join(folder, 'high'), '/srv')
  await runTool('umoci', 'insert', '--image', image, '--whiteout', '/opt/gone')
  await runTool('umoci', 'insert', '--image', image, join(folder, 'high'), '/opt/etc/through')
}

async function addIndex(layout: string, name: string, architectures: readonly string[]): Promise<void> {
  const path = join(layout, INDEX_FILE)
  const index = JSON.parse(await readFile(path, 'utf8'))
  const NAME = 'org.opencontainers.image.ref.name'
  const manifests = architectures.map((architecture) => {
    const { annotations: _, ...found } = index.manifests.find(
      ({ annotations }: { annotations: Record<string, string> }) => annotations[NAME] === architecture,
    )
    return { ...found, platform: { os: 'linux', architecture } }
  })
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }))
  const digest = await digestBytes(bytes)
  await writeFile(join(layout, blobPath(digest)), bytes)
  index.manifests.push({ mediaType: OCI_INDEX, digest, size: bytes.length, annotations: { [NAME]: name } })
  await writeFile(path, JSON.stringify(index))
}

async function exportTo(layout: string, image: readonly string[], path: string): Promise<Buffer> {
  await hearthOk(['export', ...image, '--format', 'filesystem', '-o', path, '--cache', layout])
  return await readFile(path)
}

async function exported(layout: string, image: readonly string[], folder: string) {
  const tar = await exportTo(layout, image, join(folder, 'fs.tar'))
  await mkdir(join(folder, 'ours'))
  await extract(tar, join(folder, 'ours'))
  return await factsOf(await archived(join(folder, 'ours')))
}

async function unpacked(image: string, folder: string) {
  await runTool('umoci', 'unpack', '--image', image, join(folder, 'bundle'))
  return await factsOf(await archived(join(folder, 'bundle', 'rootfs')))
}

async function largestBlob(layout: string): Promise<string> {
  const folder = join(layout, 'blobs', 'sha256')
  const files = await Promise.all(
    (await readdir(folder)).map(async (name) => ({
      path: join(folder, name),
      size: (await readFile(join(folder, name))).length,
    })),
  )
  return files.sort((a, b) => b.size - a.size)[0]?.path ?? assert.fail()
}
