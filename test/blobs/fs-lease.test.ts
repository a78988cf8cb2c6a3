import assert from 'node:assert/strict'
import { appendFile, mkdtemp, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, it } from 'node:test'
import { FsLeases } from '../../src/blobs/fs-lease.js'
import { isHearthError } from '../../src/errors.js'
import { LEASES_FOLDER } from '../../src/oci/image-layout.js'
import { leasesContract } from '../contract/leases.contract.js'
import { aBlob } from '../support/a-blob.js'
import { forked, kill } from '../support/forked.js'
import { tempDir } from '../support/temp-dir.js'

// One for the file: a hook's own folder would be gone when the hook ends.
const scratch = await tempDir()
const newFolder = () => mkdtemp(join(scratch, 'test-'))

leasesContract('FsLeases', async () => new FsLeases(await newFolder()))

const [mine, theirs] = [await aBlob('mine'), await aBlob('theirs')]

describe('FsLeases', () => {
  let root: string
  beforeEach(async () => {
    root = await newFolder()
  })
  const files = () => readdir(join(root, LEASES_FOLDER))

  it('shows the leases of another process as long as it lives, and forgets them when it was killed', async () => {
    const child = await forked('lease-process.js', [root, theirs.digest])
    const leases = new FsLeases(root)
    await leases.lease([mine.digest])
    assert.deepEqual(await leases.leased(), new Set([mine.digest, theirs.digest]))
    assert.equal((await files()).length, 2)
    await kill(child)
    assert.deepEqual(await leases.leased(), new Set([mine.digest]))
    assert.equal((await files()).length, 1)
    await leases.release()
    assert.deepEqual(await files(), [])
  })

  it('shows the leases of another instance in the same process', async () => {
    const other = new FsLeases(root)
    await other.lease([theirs.digest])
    const leases = new FsLeases(root)
    assert.deepEqual(await leases.leased(), new Set([theirs.digest]))
    assert.deepEqual(await other.leased(), new Set([theirs.digest]))
    await other.release()
    assert.deepEqual(await leases.leased(), new Set())
  })

  it('creates no file before there is something to lease', async () => {
    const leases = new FsLeases(root)
    assert.deepEqual(await leases.leased(), new Set())
    assert.deepEqual(await readdir(root), [])
  })

  it('ignores a line without an end, and lines that are no digests', async () => {
    const other = new FsLeases(root)
    await other.lease([theirs.digest])
    const [name = ''] = await files()
    await appendFile(join(root, LEASES_FOLDER, name), `garbage\n${mine.digest}`)
    assert.deepEqual(await new FsLeases(root).leased(), new Set([theirs.digest]))
    await other.release()
  })

  it('leases as before after a write that a full disk cut short', async () => {
    const leases = new FsLeases(root)
    await leases.lease([mine.digest])
    const [name = ''] = await files()
    await appendFile(join(root, LEASES_FOLDER, name), mine.digest.slice(0, 20))
    await leases.lease([theirs.digest])
    assert.deepEqual(await new FsLeases(root).leased(), new Set([mine.digest, theirs.digest]))
    await leases.release()
  })

  it('leaves no file behind when it is released while one is made', async () => {
    const leases = new FsLeases(root)
    const late = assert.rejects(leases.lease([mine.digest]), (error) => isHearthError(error, 'ABORTED'))
    await Promise.all([late, leases.release()])
    assert.deepEqual(await files(), [])
  })

  it('loses no lease while others look for dead ones', async () => {
    const watchers = Array.from({ length: 4 }, () => new FsLeases(root))
    for (let round = 0; round < 20; round++) {
      const leases = new FsLeases(root)
      const looks = watchers.map((watcher) => watcher.leased())
      await leases.lease([mine.digest])
      await Promise.all(looks)
      assert.ok((await new FsLeases(root).leased()).has(mine.digest))
      await leases.release()
    }
    assert.deepEqual(await files(), [])
  })

  it('keeps its files private', async () => {
    const before = process.umask(0)
    try {
      const leases = new FsLeases(root)
      await leases.lease([mine.digest])
      const [name = ''] = await files()
      assert.equal((await stat(join(root, LEASES_FOLDER))).mode & 0o777, 0o700)
      assert.equal((await stat(join(root, LEASES_FOLDER, name))).mode & 0o777, 0o600)
      await leases.release()
    } finally {
      process.umask(before)
    }
  })
})
