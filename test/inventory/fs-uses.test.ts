import assert from 'node:assert/strict'
import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { FsUses } from '../../src/inventory/fs-uses.js'
import { HEARTH_FOLDER, USED_FOLDER } from '../../src/oci/image-layout.js'
import { usesContract } from '../contract/uses.contract.js'
import { CANNOT_MOUNT, readOnlyMount } from '../support/read-only-mount.js'
import { tempDir } from '../support/temp-dir.js'

async function aCacheFolder(): Promise<string> {
  const root = await tempDir()
  await mkdir(join(root, HEARTH_FOLDER), { mode: 0o700 })
  return root
}

usesContract('FsUses', async (now) => new FsUses(await aCacheFolder(), now))

describe('uses on disk', () => {
  it('are seen by other processes', async () => {
    const root = await aCacheFolder()
    await new FsUses(root).touch(['app:1'])
    assert.equal((await new FsUses(root).lastUses(['app:1'])).size, 1)
  })

  it('are not written again for half a minute', async () => {
    const root = await aCacheFolder()
    let now = 1_700_000_000_000
    const uses = new FsUses(root, () => now)
    await uses.touch(['app:1'])
    now += 29_000
    await uses.touch(['app:1'])
    assert.deepEqual(await uses.lastUses(['app:1']), new Map([['app:1', 1_700_000_000_000]]))
    now += 2000
    await uses.touch(['app:1'])
    assert.deepEqual(await uses.lastUses(['app:1']), new Map([['app:1', now]]))
  })

  it('are for the owner alone', async () => {
    const root = await aCacheFolder()
    await new FsUses(root).touch(['app:1'])
    const folder = join(root, USED_FOLDER)
    assert.equal((await stat(folder)).mode & 0o777, 0o700)
    const [name = ''] = await readdir(folder)
    assert.equal((await stat(join(folder, name))).mode & 0o777, 0o600)
  })

  it('make no cache of a folder that is none', async () => {
    const root = await tempDir()
    await new FsUses(root).touch(['app:1'])
    assert.deepEqual(await readdir(root), [])
    await new FsUses(join(root, 'nowhere')).touch(['app:1'])
    assert.deepEqual(await readdir(root), [])
  })

  it('are not noted where that is impossible, and nobody is bothered', async () => {
    const root = await aCacheFolder()
    await writeFile(join(root, USED_FOLDER), 'a file in its place')
    await new FsUses(root).touch(['app:1'])
  })

  /** By its rights, which do not hold root back; by its mount, which only root can make. */
  async function aReadOnlyCache(): Promise<string> {
    const root = await aCacheFolder()
    if (CANNOT_MOUNT === false) return readOnlyMount(root)
    await chmod(join(root, HEARTH_FOLDER), 0o500)
    return root
  }

  it('are not noted in a read-only cache', { skip: process.geteuid?.() === 0 && CANNOT_MOUNT }, async () => {
    const uses = new FsUses(await aReadOnlyCache())
    await uses.touch(['app:1'])
    assert.deepEqual(await uses.lastUses(['app:1']), new Map())
  })
})
