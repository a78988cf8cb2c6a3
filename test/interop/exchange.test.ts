/** What other programs make of our archives and layouts, and what we make of theirs. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type Containerd, startContainerd } from '../support/a-containerd.js'
import { anArtifact } from '../support/an-artifact.js'
import { anImage, type BuiltImage, digestsOf } from '../support/an-image.js'
import { namesIn, soundBlobs } from '../support/cache-folder.js'
import { hearthOk } from '../support/hearth.js'
import { interop, runTool } from '../support/interop.js'
import { tempDir } from '../support/temp-dir.js'
import { writeLayout } from '../support/write-layout.js'

const [MANY, PLAIN] = ['docker.io/library/many:1', 'docker.io/library/plain:1']
const SELECT = ['--override-os', 'linux', '--override-arch', 'amd64']
const SKOPEO_COPY = [...SELECT, '--insecure-policy', 'copy', '--quiet']

let many: BuiltImage
let plain: BuiltImage
/** Refers to the plain image. */
let sbom: BuiltImage
let cache: string
/** Ours, each with both images, for the platform amd64. */
let ociArchive: string
let dockerArchive: string

before(async () => {
  many = await anImage({ seed: 'many', platforms: ['linux/amd64', 'linux/arm64'], layers: [{}, { bytes: 5000 }] })
  plain = await anImage({ seed: 'plain', layers: [{ compression: 'none' }, { bytes: 6000 }] })
  sbom = await anArtifact({ subject: plain.root, blobs: [{ bytes: Buffer.from('sbom'), mediaType: 'text/spdx' }] })
  cache = await tempDir()
  await writeLayout(cache, [
    { name: MANY, image: many, platforms: ['linux/amd64'] },
    { name: PLAIN, image: plain },
    { image: sbom },
  ])
  const out = await tempDir()
  ociArchive = join(out, 'oci.tar')
  dockerArchive = join(out, 'docker.tar')
  await exported('-o', ociArchive)
  await exported('-o', dockerArchive, '--format', 'docker', '--platform', 'linux/amd64')
})

const exported = (...options: readonly string[]) => hearthOk(['export', MANY, PLAIN, '--cache', cache, ...options])

/** An empty cache after the import. */
async function imported(source: string, ...options: readonly string[]): Promise<string> {
  const into = await tempDir()
  await hearthOk(['import', source, '--cache', into, ...options])
  await hearthOk(['verify', '--cache', into])
  return into
}

const amd64Of = (image: BuiltImage) => image.platforms.get('linux/amd64') ?? assert.fail()
const idOf = (image: BuiltImage) => amd64Of(image).config.digest.slice('sha256:'.length)

describe('skopeo', interop('skopeo'), () => {
  it('reads our OCI archive and our folder, digests and all', async () => {
    const folder = join(await tempDir(), 'folder')
    await exported('-o', folder, '--format', 'oci-dir')
    for (const source of [`oci-archive:${ociArchive}`, `oci:${folder}`]) {
      for (const [name, image] of [
        [MANY, many],
        [PLAIN, plain],
      ] as const) {
        const { Digest, Layers } = JSON.parse(await runTool('skopeo', ...SELECT, 'inspect', `${source}:${name}`))
        assert.deepEqual([Digest, Layers], [image.root.digest, amd64Of(image).layers.map(({ digest }) => digest)])
      }
    }
  })

  it('copies our OCI archive out, byte for byte', async () => {
    const out = await tempDir()
    await runTool('skopeo', ...SKOPEO_COPY, `oci-archive:${ociArchive}:${PLAIN}`, `dir:${out}`)
    assert.deepEqual(await readFile(join(out, 'manifest.json')), plain.blobs.get(plain.root.digest))
  })

  it('puts a folder of its own format into a cache of ours', async () => {
    const [out, into] = [await tempDir(), await tempDir()]
    await hearthOk(['import', ociArchive, '--cache', into])
    await runTool('skopeo', ...SKOPEO_COPY, `oci:${cache}:${PLAIN}`, `dir:${out}`)
    await runTool('skopeo', ...SKOPEO_COPY, `dir:${out}`, `oci:${into}:example.com/plain:2`)
    await hearthOk(['pull', '--pull', 'never', 'example.com/plain:2', '--cache', into])
    assert.equal((await namesIn(into)).get('example.com/plain:2'), plain.root.digest)
    await hearthOk(['verify', '--cache', into])
  })

  it('reads our Docker archive, by tag, and finds the same image', async () => {
    const out = await tempDir()
    await runTool('skopeo', ...SKOPEO_COPY, `docker-archive:${dockerArchive}:${MANY}`, `dir:${out}`)
    const { config } = JSON.parse(await readFile(join(out, 'manifest.json'), 'utf8'))
    assert.equal(config.digest, amd64Of(many).config.digest)
  })

  it('writes archives and folders that we import', async () => {
    const out = await tempDir()
    const [archive, layout] = [join(out, 'a.tar'), join(out, 'layout')]
    for (const target of [`oci-archive:${archive}:${PLAIN}`, `oci:${layout}:${PLAIN}`]) {
      await runTool('skopeo', ...SKOPEO_COPY, `oci:${cache}:${PLAIN}`, target)
    }
    for (const source of [archive, layout]) {
      const into = await imported(source)
      const [digest] = [...(await namesIn(into)).values()]
      const { Digest } = JSON.parse(await runTool('skopeo', 'inspect', `oci:${layout}:${PLAIN}`))
      assert.equal(digest, Digest)
    }
  })

  it('writes a Docker archive that we import with the same id', async () => {
    const archive = join(await tempDir(), 'd.tar')
    await runTool('skopeo', ...SKOPEO_COPY, `oci:${cache}:${PLAIN}`, `docker-archive:${archive}:${PLAIN}`)
    const into = await imported(archive)
    assert.ok((await soundBlobs(into)).has(amd64Of(plain).config.digest))
    assert.ok((await namesIn(into)).has(PLAIN))
  })

  it('writes an archive whose image is called by its tag alone, which we import under a prefix', async () => {
    const archive = join(await tempDir(), 'a.tar')
    await runTool('skopeo', ...SKOPEO_COPY, `oci:${cache}:${PLAIN}`, `oci-archive:${archive}:v7`)
    const into = await imported(archive, '--prefix', 'example.com/app')
    assert.deepEqual([...(await namesIn(into)).keys()], ['example.com/app:v7'])
  })
})

describe('umoci', interop('umoci'), () => {
  it('reads our folder', async () => {
    const folder = join(await tempDir(), 'folder')
    await exported('-o', folder, '--format', 'oci-dir', '--platform', 'linux/amd64')
    const { history } = JSON.parse(await runTool('umoci', 'stat', '--json', '--image', `${folder}:${MANY}`))
    const layers = history.flatMap(({ layer }: { layer: { digest: string } | null }) => layer?.digest ?? [])
    assert.deepEqual(
      layers,
      amd64Of(many).layers.map(({ digest }) => digest),
    )
  })
})

describe('podman', interop('podman'), () => {
  it('loads our archives, and saves what we import with the same id', async () => {
    const store = await tempDir()
    const storage = ['--root', join(store, 'root'), '--runroot', join(store, 'run'), '--storage-driver', 'vfs']
    const podman = (...args: readonly string[]) => runTool('podman', ...storage, ...args)
    try {
      await podman('load', '-i', dockerArchive)
      const ids = await podman('images', '--no-trunc', '--format', '{{.Repository}}:{{.Tag}} {{.ID}}')
      const found = new Map(
        ids
          .trim()
          .split('\n')
          .map((line) => line.split(' sha256:') as [string, string]),
      )
      assert.deepEqual(
        found,
        new Map([
          [MANY, idOf(many)],
          [PLAIN, idOf(plain)],
        ]),
      )
      for (const format of ['docker-archive', 'oci-archive']) {
        const archive = join(store, `${format}.tar`)
        await podman('save', '--format', format, '-o', archive, PLAIN)
        const into = await imported(archive)
        assert.ok((await namesIn(into)).has(PLAIN), format)
        // For OCI podman writes a config of its own.
        const keepsId = (await soundBlobs(into)).has(amd64Of(plain).config.digest)
        assert.ok(keepsId || format === 'oci-archive')
      }
      await podman('rmi', '--all', '--force')
      const alone = join(store, 'alone.tar')
      // Podman takes an OCI archive that lists one manifest alone.
      await hearthOk(['export', PLAIN, '--cache', cache, '-o', alone, '--no-referrers'])
      assert.match(await podman('load', '-i', alone), new RegExp(PLAIN))
    } finally {
      await podman('rmi', '--all', '--force')
    }
  })
})

describe('containerd', process.getuid?.() === 0 ? interop('containerd', 'ctr') : { skip: 'needs root' }, () => {
  let containerd: Containerd
  before(async () => {
    containerd = await startContainerd()
  })
  after(() => containerd.close())

  const digestsIn = async () => {
    const lines = (await containerd.ctr('images', 'ls')).trim().split('\n').slice(1)
    return new Map(lines.map((line) => [line.split(/\s+/)[0], line.split(/\s+/)[2]]))
  }

  it('imports our archives, sparse indexes too, and exports what we import', async () => {
    await containerd.ctr('images', 'import', '--no-unpack', ociArchive)
    assert.deepEqual(
      await digestsIn(),
      new Map([
        [MANY, many.root.digest],
        [PLAIN, plain.root.digest],
      ]),
    )
    await containerd.ctr('images', 'import', '--no-unpack', dockerArchive)
    assert.equal((await digestsIn()).get(MANY), amd64Of(many).manifest.digest)
    const archive = join(await tempDir(), 'c.tar')
    await containerd.ctr('images', 'export', archive, PLAIN)
    const into = await imported(archive)
    assert.equal((await namesIn(into)).get(PLAIN), plain.root.digest)
    assert.deepEqual(await soundBlobs(into), new Set<string>(digestsOf(plain)))
  })
})
