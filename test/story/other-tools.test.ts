/** Layouts that other tools wrote, and what they do to ours while nobody looks. */
import assert from 'node:assert/strict'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type Cache, openCache, type Recorded } from '../../src/index.js'
import type { Digest } from '../../src/oci/digest.js'
import { blobPath } from '../../src/oci/image-layout.js'
import { anArtifact } from '../support/an-artifact.js'
import { anImage } from '../support/an-image.js'
import { soundBlobs } from '../support/cache-folder.js'
import { type RawRegistry, startRawRegistry } from '../support/raw-registry.js'
import { tempDir } from '../support/temp-dir.js'
import { dropEntries, TOOL_LAYOUTS } from '../support/tool-layouts.js'
import { writeLayout } from '../support/write-layout.js'

const IMAGE = await anImage({ platforms: ['linux/amd64', 'linux/arm64'], layers: [{}, { bytes: 5000 }] })
const REFERRER = await anArtifact({
  subject: IMAGE.root,
  blobs: [{ bytes: Buffer.from('x'), mediaType: 'text/plain' }],
})
const LAYER = IMAGE.platforms.get('linux/amd64')?.layers[1]?.digest ?? assert.fail()

async function historyOf(cache: Cache): Promise<Recorded[]> {
  const records: Recorded[] = []
  for await (const recorded of cache.history()) records.push(recorded)
  return records
}

async function withCache(path: string, use: (cache: Cache) => Promise<void>): Promise<void> {
  const cache = await openCache({ path, env: {}, retry: { retries: 0 } })
  try {
    await use(cache)
  } finally {
    await cache.close()
  }
}

/** Changes a byte; the file keeps its length. */
async function rot(path: string, digest: Digest): Promise<void> {
  const bytes = Buffer.from(IMAGE.blobs.get(digest) ?? assert.fail())
  bytes[10] = (bytes[10] ?? 0) ^ 1
  await rm(join(path, blobPath(digest)))
  await writeFile(join(path, blobPath(digest)), bytes)
}

for (const { tool, write, names } of TOOL_LAYOUTS) {
  describe(`a layout of ${tool}`, () => {
    const expected = [...names(IMAGE, REFERRER)].sort()

    it('is listed as it is, and nothing is written for that', async () => {
      const path = await tempDir()
      await write(path, IMAGE, REFERRER)
      await withCache(path, async (cache) => {
        assert.deepEqual((await cache.list()).map(({ reference }) => reference).sort(), expected)
        assert.deepEqual(await historyOf(cache), [])
      })
    })

    it('becomes a cache: every name an event, every blob kept, and shown to others as before', async () => {
      const path = await tempDir()
      await write(path, IMAGE, REFERRER)
      const blobs = await soundBlobs(path)
      await withCache(path, async (cache) => {
        await cache.remove(['nothing'])
        const adopted = (await historyOf(cache)).flatMap((event) =>
          event.type === 'ReferenceSet' && event.origin === 'adopted' ? [event.reference] : [],
        )
        assert.deepEqual(adopted.sort(), expected)
        assert.deepEqual(await soundBlobs(path), blobs)
        assert.deepEqual((await cache.list()).map(({ reference }) => reference).sort(), expected)
        assert.deepEqual((await cache.verify()).problems, [])
      })
    })

    it('shows what refers to an image, where the tool keeps such', async () => {
      const path = await tempDir()
      await write(path, IMAGE, REFERRER)
      await withCache(path, async (cache) => {
        const { referrers } = await cache.inspect(
          expected.find((name) => !name.includes('sha256-') && !name.includes(REFERRER.root.digest)) ?? '',
        )
        assert.deepEqual(
          referrers.map(({ digest }) => digest),
          tool === 'oras' ? [REFERRER.root.digest] : [],
        )
      })
    })

    it('whose tool takes a name away while we are not looking, has it taken away in the log', async () => {
      const path = await tempDir()
      await write(path, IMAGE, REFERRER)
      const gone = expected.filter((name) => !name.startsWith('@')).slice(0, 1)
      await withCache(path, async (cache) => void (await cache.remove(['nothing'])))
      await dropEntries(path, gone)
      await withCache(path, async (cache) => {
        await cache.remove(['nothing'])
        const removed = (await historyOf(cache)).flatMap((event) =>
          event.type === 'ReferenceRemoved' ? [event.reference] : [],
        )
        assert.deepEqual(removed, gone)
      })
    })
  })
}

describe('blobs that another tool wrote', () => {
  let registry: RawRegistry
  let name: string
  before(async () => {
    registry = await startRawRegistry({ uploads: { mount: false } })
    name = registry.add(IMAGE, 'team/app', '1')
  })
  after(() => registry.close())

  async function rotten(use: (cache: Cache, path: string) => Promise<void>): Promise<void> {
    const path = await tempDir()
    await writeLayout(path, [{ name, image: IMAGE }])
    await rot(path, LAYER)
    registry.requests.length = 0
    await withCache(path, (cache) => use(cache, path))
  }

  it('are hashed before a pull relies on them: the bad one alone is fetched', async () => {
    await rotten(async (cache, path) => {
      const [result] = (await cache.pull(name, { platforms: ['all'] })).results
      assert.ok(result?.ok && result.fetchedBlobs === 1)
      assert.deepEqual([...registry.blobRequests().keys()], [LAYER])
      assert.ok((await soundBlobs(path)).has(LAYER))
    })
  })

  it('are hashed before a pull relies on them that may not ask', async () => {
    await rotten(async (cache) => {
      const [result] = (await cache.pull(name, { platforms: ['all'], pull: 'never' })).results
      assert.equal(result?.ok === false && result.failure.code, 'BLOB_UNKNOWN')
    })
  })

  it('are hashed while they are pushed: the bad one never gets there', async () => {
    await rotten(async (cache) => {
      const [result] = (await cache.push(name, { remoteName: `${registry.host}/new/app:1` })).results
      assert.equal(result?.ok === false && result.failure.code, 'DIGEST_MISMATCH')
      const held = registry.repository('new/app')
      assert.deepEqual([held.tagged('1'), held.blob(LAYER)], [undefined, undefined])
    })
  })

  it('are hashed while they are exported: there is no archive with the bad one', async () => {
    await rotten(async (cache) => {
      const folder = await tempDir()
      const output = join(folder, 'app.tar')
      await assert.rejects(cache.export([name], { output }), { code: 'DIGEST_MISMATCH' })
      assert.deepEqual(await readdir(folder), [])
    })
  })

  it('are found out by verify', async () => {
    await rotten(async (cache) => {
      const { problems } = await cache.verify()
      assert.ok(problems.some(({ kind, subject }) => kind === 'blob' && subject === LAYER))
    })
  })

  it('are missed when they are gone from a cache of ours: seen, refused and fetched again', async () => {
    const path = await tempDir()
    await withCache(path, async (cache) => void (await cache.pull(name, { platforms: ['all'] })))
    await rm(join(path, blobPath(LAYER)))
    await withCache(path, async (cache) => {
      const { presentBytes, totalBytes } = await cache.inspect(name)
      assert.ok(presentBytes < totalBytes)
      const [pushed] = (await cache.push(name, { remoteName: `${registry.host}/gone/app:1` })).results
      assert.equal(pushed?.ok === false && pushed.failure.code, 'BLOB_UNKNOWN')
      registry.requests.length = 0
      const [result] = (await cache.pull(name, { platforms: ['all'] })).results
      assert.ok(result?.ok && result.fetchedBlobs === 1)
      assert.deepEqual([...registry.blobRequests().keys()], [LAYER])
    })
  })
})
