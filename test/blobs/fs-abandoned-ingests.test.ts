import assert from 'node:assert/strict'
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, it } from 'node:test'
import { removeAbandonedIngests } from '../../src/blobs/fs-abandoned-ingests.js'
import { FsClaims } from '../../src/blobs/fs-claim.js'
import { digestFileName, INGEST_FOLDER } from '../../src/oci/image-layout.js'
import { aBlob } from '../support/a-blob.js'
import { tempDir } from '../support/temp-dir.js'

const HOUR_MS = 60 * 60 * 1000

describe('removing abandoned ingests', () => {
  let root: string
  beforeEach(async () => {
    root = await tempDir()
  })

  async function anIngest(name: string, bytes = 0): Promise<string> {
    const folder = join(root, INGEST_FOLDER, name)
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'data'), Buffer.alloc(bytes, 1))
    return folder
  }
  const left = () => readdir(join(root, INGEST_FOLDER))

  it('removes those without a claim, and says how much the files took', async () => {
    const [one, two] = [await aBlob('one'), await aBlob('two')]
    await anIngest(digestFileName(one.digest), 8192)
    await anIngest(digestFileName(two.digest), 4096)
    assert.deepEqual(await removeAbandonedIngests(root, { now: Date.now() }), { count: 2, bytes: 12_288 })
    assert.deepEqual(await left(), [])
  })

  it('keeps one that is claimed, and takes it once the claim has ended', async () => {
    const { digest } = await aBlob('wanted')
    await anIngest(digestFileName(digest))
    const claim = await new FsClaims(root).claim(digest)
    await removeAbandonedIngests(root, { now: Date.now() })
    assert.deepEqual(await left(), [digestFileName(digest)])
    await claim.release()
    await removeAbandonedIngests(root, { now: Date.now() })
    assert.deepEqual(await left(), [])
  })

  it('takes what was staged without a claim only when that is long ago', async () => {
    const name = `${digestFileName((await aBlob('staged')).digest)}.1234`
    const file = join(root, INGEST_FOLDER, name)
    await mkdir(join(root, INGEST_FOLDER), { recursive: true })
    await writeFile(file, Buffer.alloc(4096, 1))
    const now = Date.now()
    await removeAbandonedIngests(root, { now })
    assert.deepEqual(await left(), [name])
    const longAgo = (now - HOUR_MS) / 1000 - 1
    await utimes(file, longAgo, longAgo)
    assert.deepEqual(await removeAbandonedIngests(root, { now }), { count: 1, bytes: 4096 })
    assert.deepEqual(await left(), [])
  })

  it('keeps what a running pull has staged, however long ago', async () => {
    const { digest } = await aBlob('staged')
    const folder = await anIngest(`${digestFileName(digest)}.1234`)
    const now = Date.now() + 2 * HOUR_MS
    await removeAbandonedIngests(root, { now, leased: new Set([digest]) })
    assert.equal((await left()).length, 1)
    await removeAbandonedIngests(root, { now })
    assert.deepEqual(await left(), [], folder)
  })

  it('keeps partial downloads that were written to lately, when told to', async () => {
    const { digest } = await aBlob('partial')
    const folder = await anIngest(digestFileName(digest), 4096)
    const written = Date.now()
    await utimes(folder, 0, 0)
    const stale = { unusedForMs: 24 * HOUR_MS }
    await removeAbandonedIngests(root, { ...stale, now: written + 23 * HOUR_MS })
    assert.deepEqual(await left(), [digestFileName(digest)])
    assert.equal((await removeAbandonedIngests(root, { ...stale, now: written + 25 * HOUR_MS })).count, 1)
    assert.deepEqual(await left(), [])
  })

  it('only looks in a dry run', async () => {
    const { digest } = await aBlob('partial')
    await anIngest(digestFileName(digest), 4096)
    const found = await removeAbandonedIngests(root, { now: Date.now(), dryRun: true })
    assert.deepEqual([found, await left()], [{ count: 1, bytes: 4096 }, [digestFileName(digest)]])
  })

  it('finds nothing where nothing was ever fetched', async () => {
    assert.deepEqual(await removeAbandonedIngests(root, { now: Date.now() }), { count: 0, bytes: 0 })
  })

  it('takes an ingest that has no data yet for nothing', async () => {
    await mkdir(join(root, INGEST_FOLDER, digestFileName((await aBlob('empty')).digest)), { recursive: true })
    assert.deepEqual(await removeAbandonedIngests(root, { now: Date.now() }), { count: 1, bytes: 0 })
    assert.deepEqual(await left(), [])
  })
})
