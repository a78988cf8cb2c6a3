/** Real images, put into a real registry by another program: what hearth asks of it, and what it then holds. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { parseDigest } from '../../src/oci/digest.js'
import { blobPath } from '../../src/oci/image-layout.js'
import { parseManifest } from '../../src/oci/manifest.js'
import { DOCKER_INDEX } from '../../src/oci/media-type.js'
import { anImage, type BuiltImage, digestsOf } from '../support/an-image.js'
import { namesIn, soundBlobs } from '../support/cache-folder.js'
import { type DockerRegistry, startDockerRegistry } from '../support/docker-registry.js'
import { hearthOk } from '../support/hearth.js'
import { interop, skopeoPush } from '../support/interop.js'
import { tempDir } from '../support/temp-dir.js'
import { writeLayout } from '../support/write-layout.js'

const AMD64 = ['--platform', 'linux/amd64']

describe('hearth pull from docker-registry', interop('docker-registry', 'skopeo'), () => {
  let registry: DockerRegistry
  let images: readonly BuiltImage[]
  let names: readonly string[]
  let cache: readonly string[]
  let folder: string
  let seen = 0

  before(async () => {
    registry = await startDockerRegistry()
    const base = { seed: 'base', bytes: 100_000 }
    images = await Promise.all(
      ['web', 'api'].map((seed) =>
        anImage({ seed, platforms: ['linux/amd64', 'linux/arm64', 'linux/arm/v7'], layers: [base, { bytes: 5000 }] }),
      ),
    )
    const layout = await tempDir()
    await writeLayout(
      layout,
      images.map((image, at) => ({ name: `image-${at}`, image })),
    )
    names = images.map((_, at) => `${registry.host}/library/image-${at}:1.0`)
    for (const [at, target] of names.entries()) await skopeoPush({ layout, name: `image-${at}`, target })
    folder = await tempDir()
    cache = ['--cache', folder]
    await asked()
  })
  after(() => registry?.close())

  /** What the registry was asked since the last time. */
  async function asked(): Promise<readonly string[]> {
    const all = await registry.requests()
    const since = all.slice(seen)
    seen = all.length
    return since
  }
  const wanted = (...platforms: string[]) => new Set(images.flatMap((image) => [...digestsOf(image, platforms)]))
  const blobsIn = (requests: readonly string[]) =>
    requests.filter((line) => line.includes('/blobs/')).map((line) => /^GET .*\/blobs\/(\S+) 200$/.exec(line)?.[1])
  const manifestsOf = (image: BuiltImage, ...platforms: string[]) =>
    [image.root, ...platforms.map((name) => image.platforms.get(name)?.manifest)].map((found) => found?.digest ?? '')

  it('fetches the blobs of the asked platform, each once, and no others', async () => {
    await hearthOk(['pull', ...names, ...AMD64, ...cache])
    const requests = await asked()
    const blobs = blobsIn(requests)
    const manifests = images.flatMap((image) => manifestsOf(image, 'linux/amd64'))
    assert.equal(blobs.length, new Set(blobs).size, 'each once')
    assert.deepEqual(new Set([...blobs, ...manifests]), wanted('linux/amd64'))
    assert.equal(requests.length, blobs.length + manifests.length, 'and nothing else was asked')
  })

  it('holds exactly what it fetched; every file under blobs/ hashes to its name', async () => {
    assert.deepEqual(await soundBlobs(folder), wanted('linux/amd64'))
  })

  it("keeps the registry's root digest and its bytes", async () => {
    const held = await namesIn(folder)
    for (const [at, name] of names.entries()) {
      const { digest } = images[at]?.root ?? assert.fail()
      assert.equal(held.get(name), digest)
      assert.deepEqual(await readFile(join(folder, blobPath(digest))), images[at]?.blobs.get(digest))
    }
  })

  it('asks for nothing the second time, nor with --pull never', async () => {
    await hearthOk(['pull', ...names, ...AMD64, ...cache])
    await hearthOk(['pull', '--pull', 'never', ...names, ...AMD64, ...cache])
    assert.deepEqual(await asked(), [])
  })

  it('asks one HEAD for each name with --pull newer, and with a bare --pull', async () => {
    const heads = names.map((name) => `HEAD /v2/${name.slice(registry.host.length + 1, -4)}/manifests/1.0 200`)
    for (const policy of [['--pull', 'newer'], ['--pull']]) {
      await hearthOk(['pull', ...policy, ...names, ...AMD64, ...cache])
      assert.deepEqual([...(await asked())].sort(), heads)
    }
  })

  it('fetches what another platform needs besides, and leaves the first one complete', async () => {
    await hearthOk(['pull', ...names, '--platform', 'linux/arm64', ...cache])
    const added = wanted('linux/amd64', 'linux/arm64/v8')
    for (const digest of wanted('linux/amd64')) added.delete(digest)
    for (const image of images) added.delete(image.platforms.get('linux/arm64/v8')?.manifest.digest ?? assert.fail())
    assert.deepEqual(new Set(blobsIn(await asked())), added)
    assert.deepEqual(await soundBlobs(folder), wanted('linux/amd64', 'linux/arm64/v8'))
  })

  it('takes images of Docker’s own media types as they are', async () => {
    const [layout, docker] = [await tempDir(), await tempDir()]
    await writeLayout(layout, [{ name: 'image', image: images[0] ?? assert.fail() }])
    const target = `${registry.host}/library/docker:1.0`
    await skopeoPush({ layout, name: 'image', target }, { docker: true })
    await asked()
    await hearthOk(['pull', target, ...AMD64, '--cache', docker])
    const root = (await namesIn(docker)).get(target) ?? assert.fail()
    const blobs = await soundBlobs(docker)
    const parsed = parseManifest(await readFile(join(docker, blobPath(parseDigest(root)))), DOCKER_INDEX)
    assert.ok(parsed.kind === 'index')
    assert.equal(parsed.manifests.length, 3)
    assert.equal(parsed.manifests.filter(({ digest }) => blobs.has(digest)).length, 1)
    assert.equal(blobsIn(await asked()).length, blobs.size - 2)
  })
})
