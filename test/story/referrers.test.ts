/** What refers to an image comes with it, is pushed with it, and goes with it. */
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { type Cache, openCache } from '../../src/index.js'
import { OCI_INDEX } from '../../src/oci/media-type.js'
import { referrersTag } from '../../src/oci/referrer.js'
import { aRawImage } from '../support/a-raw-image.js'
import { anArtifact } from '../support/an-artifact.js'
import { anImage, type BuiltImage } from '../support/an-image.js'
import { namesIn, soundBlobs } from '../support/cache-folder.js'
import { type RawRegistry, type RawRegistryOptions, startRawRegistry } from '../support/raw-registry.js'
import { respond } from '../support/raw-steps.js'
import { tempDir } from '../support/temp-dir.js'
import { writeLayout } from '../support/write-layout.js'

const IMAGE = await anImage({ platforms: ['linux/amd64', 'linux/arm64'] })
const AMD64 = IMAGE.platforms.get('linux/amd64')?.manifest ?? assert.fail()
const note = (text: string) => [{ bytes: Buffer.from(text), mediaType: 'text/plain' }]
/** Of the index, of a platform's manifest, of the one before, and of a platform that is not pulled. */
const SBOM = await anArtifact({ artifactType: 'a/sbom', subject: IMAGE.root, blobs: note('sbom') })
const SIGNATURE = await anArtifact({ artifactType: 'a/signature', subject: AMD64, blobs: note('signature') })
const OF_SBOM = await anArtifact({ artifactType: 'a/signature', subject: SBOM.root, blobs: note('of the sbom') })
const FOREIGN = await anArtifact({
  artifactType: 'a/sbom',
  subject: IMAGE.platforms.get('linux/arm64/v8')?.manifest ?? assert.fail(),
  blobs: note('foreign'),
})
const COSIGN = await anArtifact({ artifactType: 'a/cosign', blobs: note('cosign') })
const ALL = [SBOM, SIGNATURE, OF_SBOM]

interface Parts {
  readonly registry: RawRegistry
  readonly cache: Cache
  readonly name: string
}

async function withCache(options: RawRegistryOptions, use: (parts: Parts) => Promise<void>): Promise<void> {
  const registry = await startRawRegistry(options)
  const path = await tempDir()
  const cache = await openCache({ path, env: {}, retry: { retries: 0 } })
  const name = registry.add(IMAGE, 'team/app', '1')
  for (const artifact of [...ALL, FOREIGN]) registry.add(artifact, 'team/app')
  registry.add(COSIGN, 'team/app', `${referrersTag(AMD64.digest)}.sig`)
  try {
    await use({ registry, cache, name })
  } finally {
    await cache.close()
    await registry.close()
  }
}

async function pull(cache: Cache, name: string, referrers = true): Promise<void> {
  const [result] = (await cache.pull(name, { referrers, platforms: ['linux/amd64'] })).results
  if (!result?.ok) assert.fail(JSON.stringify(result))
}

const rootsOf = (images: readonly BuiltImage[]): string[] => images.map(({ root }) => root.digest).sort()
const referrersIn = async (cache: Cache, name: string) =>
  (await cache.inspect(name)).referrers.map(({ digest }) => digest).sort()

describe('a pull with referrers', () => {
  it('fetches what refers to the root and to the pulled platform, and what refers to that', async () => {
    await withCache({ referrersPerPage: 1 }, async ({ cache, name, registry }) => {
      await pull(cache, name)
      assert.deepEqual(await referrersIn(cache, name), rootsOf([...ALL, COSIGN]))
      const blobs = await soundBlobs(cache.path)
      for (const artifact of [...ALL, COSIGN]) for (const digest of artifact.blobs.keys()) assert.ok(blobs.has(digest))
      assert.ok(!blobs.has(FOREIGN.root.digest))
      const names = [...(await cache.list())].map(({ reference }) => reference)
      assert.ok(names.includes(`${registry.host}/team/app:${referrersTag(AMD64.digest)}.sig`))
      assert.ok(names.includes(`@${SBOM.root.digest}`))
      assert.deepEqual((await cache.verify()).problems, [])
    })
  })

  it('asks for none without being told, and for none of what may not be asked', async () => {
    await withCache({ referrersPerPage: 10 }, async ({ cache, name, registry }) => {
      await pull(cache, name, false)
      await cache.pull(name, { referrers: true, pull: 'never', platforms: ['linux/amd64'] })
      assert.deepEqual(registry.requestsFor({ kind: 'referrers' }), [])
      await pull(cache, name)
      const before = registry.blobRequests().size
      await pull(cache, name)
      assert.equal(registry.blobRequests().size, before)
    })
  })

  it('finds them under the tag that stands in for the API', async () => {
    await withCache({}, async ({ cache, name, registry }) => {
      const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [SBOM.root] }
      registry.add(await aRawImage(index, { mediaType: OCI_INDEX }), 'team/app', referrersTag(IMAGE.root.digest))
      await pull(cache, name)
      assert.deepEqual(await referrersIn(cache, name), rootsOf([SBOM, COSIGN]))
    })
  })

  it('leaves out what a registry lists although it refers to something else', async () => {
    await withCache({}, async ({ cache, name, registry }) => {
      const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [FOREIGN.root, COSIGN.root] }
      registry.add(await aRawImage(index, { mediaType: OCI_INDEX }), 'team/app', referrersTag(IMAGE.root.digest))
      await pull(cache, name)
      assert.deepEqual(await referrersIn(cache, name), rootsOf([COSIGN]))
    })
  })

  it('comes to an end where referrers go in circles', async () => {
    await withCache({ referrersPerPage: 10 }, async ({ cache, name, registry }) => {
      let last: BuiltImage = OF_SBOM
      for (let depth = 0; depth < 8; depth++) {
        last = await anArtifact({ subject: last.root, blobs: note(`${depth}`) })
        registry.add(last, 'team/app')
      }
      await pull(cache, name)
      assert.ok((await referrersIn(cache, name)).length < ALL.length + 8)
    })
  })
})

describe('removal with referrers', () => {
  it('takes them with the last image that they refer to', async () => {
    await withCache({ referrersPerPage: 10 }, async ({ cache, name, registry }) => {
      await pull(cache, name)
      const second = registry.add(IMAGE, 'team/app', '2')
      await pull(cache, second, false)
      await cache.remove([name])
      assert.deepEqual(await referrersIn(cache, second), rootsOf([...ALL, COSIGN]))
      const { removed } = await cache.remove([second])
      assert.equal(removed.length, 1 + ALL.length + 1)
      assert.deepEqual([await cache.list(), (await soundBlobs(cache.path)).size], [[], 0])
    })
  })

  it('leaves alone what the user pulled for itself', async () => {
    await withCache({ referrersPerPage: 10 }, async ({ cache, name, registry }) => {
      const cosign = `${registry.host}/team/app:${referrersTag(AMD64.digest)}.sig`
      await cache.pull(cosign, { platforms: ['all'] })
      await pull(cache, name)
      await cache.remove([name])
      assert.deepEqual(
        (await cache.list()).map(({ reference }) => reference),
        [cosign],
      )
    })
  })

  it('takes one away by its own name alone', async () => {
    await withCache({ referrersPerPage: 10 }, async ({ cache, name }) => {
      await pull(cache, name)
      await cache.remove([`@${OF_SBOM.root.digest}`])
      assert.deepEqual(await referrersIn(cache, name), rootsOf([SBOM, SIGNATURE, COSIGN]))
    })
  })

  it('leaves those of a pinned image when everything else is cleaned away', async () => {
    await withCache({ referrersPerPage: 10 }, async ({ cache, name }) => {
      await pull(cache, name)
      await cache.pin([name])
      const { removed, kept } = await cache.clean()
      assert.deepEqual([removed, kept.map(({ reference }) => reference)], [[], [name]])
      assert.deepEqual(await referrersIn(cache, name), rootsOf([...ALL, COSIGN]))
      await cache.unpin([name])
      await cache.clean()
      assert.deepEqual([await cache.list(), (await soundBlobs(cache.path)).size], [[], 0])
    })
  })

  it('leaves a pinned one, with what refers to it', async () => {
    await withCache({ referrersPerPage: 10 }, async ({ cache, name }) => {
      await pull(cache, name)
      await cache.pin([`@${SBOM.root.digest}`])
      await cache.remove([name])
      assert.deepEqual((await cache.list()).map(({ digest }) => digest).sort(), rootsOf([SBOM, OF_SBOM]))
      assert.deepEqual((await cache.verify()).problems, [])
    })
  })

  it('asks no registry about them, as they have no names there', async () => {
    await withCache({ referrersPerPage: 10 }, async ({ cache, name }) => {
      await pull(cache, name)
      const { removed, kept } = await cache.clean({ publishedOnly: true })
      assert.deepEqual([removed.length, kept], [1 + ALL.length + 1, []])
    })
  })
})

describe('referrers that another tool wrote without a name', () => {
  it('are found, and go with their subject', async () => {
    const path = await tempDir()
    await writeLayout(path, [
      { name: 'reg.example/app:1', image: IMAGE },
      { image: SBOM },
      { image: OF_SBOM },
      { image: COSIGN },
    ])
    const cache = await openCache({ path, env: {} })
    try {
      assert.deepEqual(await referrersIn(cache, 'reg.example/app:1'), rootsOf([SBOM, OF_SBOM]))
      await cache.remove(['reg.example/app:1'])
      assert.deepEqual(
        (await cache.list()).map(({ digest }) => digest),
        [COSIGN.root.digest],
      )
    } finally {
      await cache.close()
    }
  })
})

describe('a push with referrers', () => {
  async function pushed(options: RawRegistryOptions, use: (target: RawRegistry, parts: Parts) => Promise<void>) {
    await withCache({ referrersPerPage: 10 }, async (parts) => {
      const { cache, name } = parts
      await cache.pull(name, { referrers: true, platforms: ['all'] })
      const target = await startRawRegistry(options)
      try {
        const [result] = (await cache.push(name, { remoteName: `${target.host}/copy/app:1` })).results
        if (!result?.ok) assert.fail(JSON.stringify(result))
        assert.equal(result.referrers, 5)
        await use(target, parts)
      } finally {
        await target.close()
      }
    })
  }
  const hasAll = (target: RawRegistry) => {
    const held = target.repository('copy/app')
    for (const { root } of [...ALL, FOREIGN, COSIGN]) assert.ok(held.hasManifest(root.digest))
    assert.equal(held.tagged(`${referrersTag(AMD64.digest)}.sig`), COSIGN.root.digest)
    return held
  }

  it('brings them to a registry that lists them itself', async () => {
    await pushed({ uploads: { subjects: true }, referrersPerPage: 10 }, async (target) => {
      assert.equal(hasAll(target).tagged(referrersTag(IMAGE.root.digest)), undefined)
    })
  })

  it('keeps the tag that stands in for the list where a registry has none, beside what it lists already', async () => {
    await pushed({ uploads: {} }, async (target, { cache, name }) => {
      hasAll(target)
      const again = await openCache({ path: await tempDir(), env: {} })
      const others = await tempDir()
      try {
        const copy = `${target.host}/copy/app:1`
        await pull(again, copy)
        assert.deepEqual(await referrersIn(again, copy), rootsOf([...ALL, COSIGN]))
        const extra = await anArtifact({ artifactType: 'a/extra', subject: IMAGE.root, blobs: note('extra') })
        await writeLayout(others, [{ name: copy, image: IMAGE }, { image: extra }])
        const second = await openCache({ path: others, env: {} })
        const [result] = (await second.push(copy)).results
        await second.close()
        assert.ok(result?.ok && !result.changed)
        await pull(again, copy)
        assert.deepEqual(await referrersIn(again, copy), rootsOf([...ALL, COSIGN, extra]))
        assert.ok((await cache.push(name, { remoteName: copy })).results[0]?.ok)
      } finally {
        await again.close()
      }
    })
  })

  it('leaves a tag alone under which no list stands, but the image itself or another', async () => {
    await withCache({ referrersPerPage: 10 }, async ({ cache, name }) => {
      await cache.pull(name, { referrers: true, platforms: ['all'] })
      const tag = referrersTag(IMAGE.root.digest)
      for (const image of [IMAGE, COSIGN]) {
        const target = await startRawRegistry({ uploads: {} })
        try {
          target.add(image, 'copy/app', tag)
          const [result] = (await cache.push(name, { remoteName: `${target.host}/copy/app:1` })).results
          assert.ok(result?.ok, JSON.stringify(result))
          assert.equal(hasAll(target).tagged(tag), image.root.digest)
        } finally {
          await target.close()
        }
      }
    })
  })

  it('lists them at last when an earlier push ended before it could', async () => {
    await withCache({ referrersPerPage: 10 }, async ({ cache, name }) => {
      await cache.pull(name, { referrers: true, platforms: ['all'] })
      const target = await startRawRegistry({ uploads: {} })
      const tag = referrersTag(IMAGE.root.digest)
      const remoteName = `${target.host}/copy/app:1`
      target.refuse({ kind: 'manifest', method: 'PUT', path: `/v2/copy/app/manifests/${tag}` }, respond(403))
      try {
        const [failed] = (await cache.push(name, { remoteName })).results
        assert.equal(failed?.ok === false && failed.failure.code, 'DENIED')
        assert.equal(hasAll(target).tagged(tag), undefined)
        const [result] = (await cache.push(name, { remoteName })).results
        assert.ok(result?.ok && !result.changed && result.uploadedBlobs === 0)
        assert.ok(hasAll(target).tagged(tag))
      } finally {
        await target.close()
      }
    })
  })

  it('leaves them here when told so, and refuses to replace other signatures of cosign’s', async () => {
    await pushed({ uploads: {} }, async (target, { cache, name }) => {
      const remoteName = `${target.host}/other/app:1`
      const [alone] = (await cache.push(name, { remoteName, referrers: false })).results
      assert.ok(alone?.ok && alone.referrers === 0)
      assert.equal(target.repository('other/app').hasManifest(SBOM.root.digest), false)
      const other = await anArtifact({ artifactType: 'a/cosign', blobs: note('somebody else’s') })
      target.add(other, 'other/app', `${referrersTag(AMD64.digest)}.sig`)
      const [refused] = (await cache.push(name, { remoteName })).results
      assert.equal(refused?.ok === false && refused.failure.code, 'REFERENCE_EXISTS')
    })
  })
})

describe('index.json with referrers', () => {
  it('says of each what it refers to, so that the log can be lost', async () => {
    await withCache({ referrersPerPage: 10 }, async ({ cache, name }) => {
      await pull(cache, name)
      const names = await namesIn(cache.path)
      assert.ok([...names.values()].includes(AMD64.digest))
      await cache.close()
      await rm(`${cache.path}/.hearth`, { recursive: true })
      const adopted = await openCache({ path: cache.path, env: {} })
      try {
        assert.deepEqual(await referrersIn(adopted, name), rootsOf([...ALL, COSIGN]))
        const { removed } = await adopted.remove([name])
        assert.equal(removed.length, 1 + ALL.length + 1)
      } finally {
        await adopted.close()
      }
    })
  })
})
