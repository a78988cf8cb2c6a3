import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { lstat, mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { beforeEach, describe, it } from 'node:test'
import { removeStrays } from '../../src/blobs/fs-stray-sweep.js'
import { BLOBS_FOLDER, blobPath } from '../../src/oci/image-layout.js'
import { aBlob } from '../support/a-blob.js'
import { tempDir } from '../support/temp-dir.js'

const HOUR_MS = 60 * 60 * 1000

describe('removing strays', () => {
  let root: string
  let later: number
  beforeEach(async () => {
    root = await tempDir()
    await mkdir(join(root, BLOBS_FOLDER, 'sha256'), { recursive: true })
    later = Date.now() + HOUR_MS + 1000
  })

  async function put(path: string, text = 'stray'): Promise<string> {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), text)
    return join(root, path)
  }

  it('takes what can be no blob once it is an hour old', async () => {
    const { digest } = await aBlob('blob')
    const blob = await put(blobPath(digest))
    const strays = [
      await put(`${blobPath(digest)}123`),
      await put('blobs/oci-put-blob123'),
      await put('blobs/sha256/x'),
    ]
    assert.deepEqual(await removeStrays(root, { now: Date.now() }), { count: 0, bytes: 0 })
    assert.deepEqual(await removeStrays(root, { now: later }), { count: 3, bytes: 15 })
    for (const stray of strays) assert.ok(!existsSync(stray), stray)
    assert.ok(existsSync(blob))
    assert.deepEqual(await removeStrays(root, { now: later }), { count: 0, bytes: 0 })
  })

  it('leaves algorithms alone that hearth does not know', async () => {
    const foreign = await put('blobs/blake2b/0123')
    await removeStrays(root, { now: later })
    assert.ok(existsSync(foreign))
  })

  it('follows no link, and removes the link alone', async () => {
    const target = await put('precious')
    await symlink(target, join(root, BLOBS_FOLDER, 'sha256', 'link'))
    assert.equal((await removeStrays(root, { now: later })).count, 1)
    assert.ok(existsSync(target))
  })

  it('leaves alone what stands in the place of a folder of blobs, and what is behind it', async () => {
    const precious = await put('elsewhere/precious')
    for (const place of [join(BLOBS_FOLDER, 'sha512'), BLOBS_FOLDER]) {
      await rm(join(root, place), { recursive: true, force: true })
      await symlink(dirname(precious), join(root, place))
      assert.equal((await removeStrays(root, { now: later })).count, 0)
      assert.ok((await lstat(join(root, place))).isSymbolicLink())
      assert.ok(existsSync(precious))
    }
  })

  it('leaves alone what has the name of a blob, whatever it is', async () => {
    const { digest } = await aBlob('linked')
    await symlink('/nowhere', join(root, blobPath(digest)))
    assert.equal((await removeStrays(root, { now: later })).count, 0)
    assert.ok((await lstat(join(root, blobPath(digest)))).isSymbolicLink())
  })

  it('takes an empty folder, and leaves one with something in it', async () => {
    await mkdir(join(root, BLOBS_FOLDER, 'sha256', 'empty'))
    const kept = await put('blobs/sha256/full/file')
    assert.equal((await removeStrays(root, { now: later })).count, 1)
    assert.ok(existsSync(kept))
  })

  it('only looks in a dry run', async () => {
    const stray = await put('blobs/sha256/x')
    assert.deepEqual(await removeStrays(root, { now: later, dryRun: true }), { count: 1, bytes: 5 })
    assert.ok(existsSync(stray))
  })

  it('finds nothing where there is no cache', async () => {
    assert.deepEqual(await removeStrays(join(root, 'nowhere'), { now: later }), { count: 0, bytes: 0 })
  })
})
