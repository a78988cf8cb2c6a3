import assert from 'node:assert/strict'
import { mkdir, statfs, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { FsDiskSpace } from '../../src/blobs/fs-disk-space.js'
import { isHearthError } from '../../src/errors.js'
import { digestBytes } from '../../src/oci/hasher.js'
import { digestFileName } from '../../src/oci/image-layout.js'
import { tempDir } from '../support/temp-dir.js'

const digest = await digestBytes(Buffer.from('blob'))

describe('the disk space of a cache', () => {
  it('is that of the file system it lies on, also before its folder is there', async () => {
    const root = await tempDir()
    const { bsize, blocks } = await statfs(root)
    for (const path of [root, join(root, 'not', 'yet')]) {
      const free = await new FsDiskSpace(path).free()
      assert.ok(free > 0 && free <= bsize * blocks, String(free))
    }
  })

  it('cannot be told where there is no folder', async () => {
    const file = join(await tempDir(), 'file')
    await writeFile(file, '')
    await assert.rejects(new FsDiskSpace(join(file, 'cache')).free(), (error) => isHearthError(error, 'STORE_FAILED'))
  })

  it('counts what an unfinished download has written, not its length', async () => {
    const root = await tempDir()
    const disk = new FsDiskSpace(root)
    assert.equal(await disk.partial(digest), 0)
    const path = join(root, '.hearth/ingest', digestFileName(digest), 'data')
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, Buffer.alloc(64 * 1024, 1))
    const partial = await disk.partial(digest)
    assert.ok(partial >= 64 * 1024 && partial < 128 * 1024, String(partial))
  })
})
