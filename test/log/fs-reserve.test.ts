import assert from 'node:assert/strict'
import { mkdir, readdir, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { keepReserve, useReserve } from '../../src/log/fs-reserve.js'
import { HEARTH_FOLDER } from '../../src/oci/image-layout.js'
import { tempDir } from '../support/temp-dir.js'

const AMPLE = async (): Promise<number> => 2 ** 40
const FULL = async (): Promise<number> => 4096

describe('the reserve for a full disk', () => {
  it('is a megabyte, kept while there is space', async () => {
    const root = await aFolder()
    await keepReserve(root, AMPLE)
    await keepReserve(root, AMPLE)
    const { size, blocks } = await stat(join(root, HEARTH_FOLDER, 'reserve'))
    assert.equal(size, 2 ** 20)
    assert.ok(blocks * 512 >= size, 'it has no holes')
  })

  it('is given back when the disk is full, and only then', async () => {
    const root = await aFolder()
    await keepReserve(root, AMPLE)
    await useReserve(root, AMPLE)
    assert.deepEqual(await readdir(join(root, HEARTH_FOLDER)), ['reserve'])
    await useReserve(root, FULL)
    await useReserve(root, FULL)
    assert.deepEqual(await readdir(join(root, HEARTH_FOLDER)), [])
  })

  it('is not laid in again before there is ample space', async () => {
    const root = await aFolder()
    await keepReserve(root, FULL)
    assert.deepEqual(await readdir(join(root, HEARTH_FOLDER)), [])
  })

  it('is made whole when a crash left a part of it', async () => {
    const root = await aFolder()
    await keepReserve(root, AMPLE)
    await truncate(join(root, HEARTH_FOLDER, 'reserve'), 5)
    await keepReserve(root, AMPLE)
    assert.equal((await stat(join(root, HEARTH_FOLDER, 'reserve'))).size, 2 ** 20)
  })

  it('knows the real free space', async () => {
    const root = await aFolder()
    await keepReserve(root)
    await useReserve(root)
  })
})

async function aFolder(): Promise<string> {
  const root = await tempDir()
  await mkdir(join(root, HEARTH_FOLDER))
  return root
}
