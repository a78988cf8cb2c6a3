import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, open as openFile, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, it } from 'node:test'
import { removeAbandonedIngests } from '../../src/blobs/fs-abandoned-ingests.js'
import { FsStaging, removeDeadStagings } from '../../src/blobs/fs-staging.js'
import { digestBytes } from '../../src/oci/hasher.js'
import { blobPath, INGEST_FOLDER } from '../../src/oci/image-layout.js'
import { seededBytes } from '../support/seeded-bytes.js'
import { tempDir } from '../support/temp-dir.js'

const bytes = seededBytes('staging', 3_000_000)
const digest = await digestBytes(bytes)

async function* pieces(of: Uint8Array = bytes): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < of.length; at += 70_000) yield of.subarray(at, at + 70_000)
}

async function readAll(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks)
}

describe('FsStaging', () => {
  let root: string
  const ingests = () => readdir(join(root, INGEST_FOLDER))
  const open = () => FsStaging.open(root, { durability: 'full' })

  beforeEach(async () => {
    root = await tempDir()
    await mkdir(join(root, INGEST_FOLDER), { recursive: true })
  })

  it('keeps a blob out of sight until it is committed', async () => {
    const staging = await open()
    for (const expected of [undefined, digest]) {
      assert.deepEqual(await staging.stage(pieces(), expected), { digest, size: bytes.length })
    }
    assert.equal(staging.size(digest), bytes.length)
    assert.equal(Buffer.compare(await readAll(staging.stream(digest)), bytes), 0)
    await assert.rejects(stat(join(root, blobPath(digest))), { code: 'ENOENT' })
    const [committed] = await staging.commit([{ digest, size: bytes.length }])
    const file = await stat(join(root, blobPath(digest)))
    assert.deepEqual([file.mode & 0o777, file.mtimeMs, file.size], [0o444, committed?.mtimeMs, bytes.length])
    assert.equal(staging.size(digest), undefined)
    await staging.close()
    assert.deepEqual(await ingests(), [])
  })

  it('takes what was not committed with it', async () => {
    const staging = await open()
    await staging.stage(pieces())
    await staging.close()
    assert.deepEqual(await ingests(), [])
  })

  it('keeps nothing of a blob that is another one, or that cannot be read to its end', async () => {
    const staging = await open()
    const other = await digestBytes(Buffer.from('other'), 'sha512')
    await assert.rejects(staging.stage(pieces(), other), { code: 'DIGEST_MISMATCH' })
    const broken = new Error('broken')
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield bytes
      throw broken
    }
    await assert.rejects(staging.stage(failing()), broken)
    const [own = ''] = await ingests()
    assert.deepEqual(await readdir(join(root, INGEST_FOLDER, own)), ['lock'])
    await staging.close()
  })

  it('takes files, hashes them, and shares those that nobody may write to when it may', async () => {
    const path = join(await mkdtemp(join(root, 'other-')), 'file')
    await writeFile(path, bytes)
    const file = { path, digest, size: bytes.length }
    for (const [mode, link, shared] of [
      [0o644, true, false],
      [0o444, false, false],
      [0o444, true, true],
    ] as const) {
      await chmod(path, mode)
      const staging = await open()
      await staging.stageFile(file, { link })
      await staging.commit([file])
      // A file system that can clone does so: then no two files are the same.
      const { nlink } = await stat(join(root, blobPath(digest)))
      assert.ok(shared ? nlink <= 2 : nlink === 1)
      assert.deepEqual(await readFile(join(root, blobPath(digest))), Buffer.from(bytes))
      await staging.close()
    }
  })

  for (const [durability, times] of [
    ['full', 1],
    ['relaxed', 0],
  ] as const) {
    it(`fsyncs a file that it shares ${times} times with ${durability} durability`, async (test) => {
      const path = join(await mkdtemp(join(root, 'other-')), 'file')
      await writeFile(path, bytes, { mode: 0o444 })
      const handle = await openFile(path)
      const sync = test.mock.method(Object.getPrototypeOf(handle), 'sync')
      await handle.close()
      const staging = await FsStaging.open(root, { durability })
      await staging.stageFile({ path, digest, size: bytes.length }, { link: true })
      assert.equal(sync.mock.callCount(), times)
      await staging.close()
    })
  }

  it('takes no file that is another one, has another size, or is none', async () => {
    const folder = await mkdtemp(join(root, 'other-'))
    const path = join(folder, 'file')
    await writeFile(path, Buffer.from('other'), { mode: 0o444 })
    await symlink('file', join(folder, 'link'))
    const staging = await open()
    const other = await digestBytes(Buffer.from('other'))
    for (const link of [false, true]) {
      await assert.rejects(staging.stageFile({ path, digest, size: 5 }, { link }), { code: 'DIGEST_MISMATCH' })
      await assert.rejects(staging.stageFile({ path, digest: other, size: 4 }, { link }), { code: 'SIZE_MISMATCH' })
      const linked = { path: join(folder, 'link'), digest: other, size: 5 }
      await assert.rejects(staging.stageFile(linked, { link }), { code: 'BLOB_UNKNOWN' })
    }
    const [own = ''] = await ingests()
    assert.deepEqual(await readdir(join(root, INGEST_FOLDER, own)), ['lock'])
    await staging.close()
  })

  it('leaves alone what a living process has staged, and takes away what a dead one has left', async () => {
    const living = await open()
    await living.stage(pieces())
    const dead = join(root, INGEST_FOLDER, 'stage-dead')
    await mkdir(dead)
    await writeFile(join(dead, '1'), bytes)
    await writeFile(join(dead, 'lock'), '')
    assert.equal((await removeDeadStagings(root, { dryRun: true })).count, 1)
    assert.ok((await removeDeadStagings(root)).bytes >= bytes.length)
    assert.equal((await ingests()).length, 1)
    assert.equal((await removeAbandonedIngests(root, { now: Date.now() + 1e9 })).count, 0)
    assert.equal((await living.commit([{ digest, size: bytes.length }])).length, 1)
    await living.close()
    await mkdir(dead)
    await (await open()).close()
    assert.deepEqual(await ingests(), [])
  })
})
