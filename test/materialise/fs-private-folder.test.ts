import assert from 'node:assert/strict'
import { chmod, lstat, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { keepPrivate, problemWith } from '../../src/materialise/fs-private-folder.js'
import { tempDir } from '../support/temp-dir.js'

describe('keepPrivate', () => {
  it('takes away what rights others have', async () => {
    const path = join(await tempDir(), 'ours')
    await mkdir(path)
    for (const mode of [0o777, 0o770, 0o705, 0o700]) {
      await chmod(path, mode)
      await keepPrivate(path)
      assert.equal((await lstat(path)).mode & 0o777, 0o700)
    }
  })

  it('does nothing where there is no folder', async () => {
    await keepPrivate(join(await tempDir(), 'none'))
  })

  it('refuses a file, and a link even to a folder', async () => {
    const root = await tempDir()
    await writeFile(join(root, 'file'), '')
    await symlink(root, join(root, 'link'))
    for (const name of ['file', 'link', 'file/below']) {
      await assert.rejects(
        keepPrivate(join(root, name)),
        (error) => isHearthError(error, 'LAYOUT_INVALID') || isHearthError(error, 'STORE_FAILED'),
      )
    }
  })
})

describe('problemWith', () => {
  const folder = (uid: number, mode: number) => ({ uid, mode, isDirectory: () => true })

  for (const [what, stat, us, accepted] of [
    ['our own folder', folder(1000, 0o777), 1000, true],
    ['a folder of somebody else', folder(1001, 0o700), 1000, false],
    ['a folder of somebody else that all may write to', folder(1001, 0o777), 1000, false],
    ['a folder of root', folder(0, 0o755), 1000, true],
    ['a folder of root that all may write to', folder(0, 0o777), 1000, false],
    ['anybody’s folder, for root', folder(1000, 0o755), 0, true],
    ['anybody’s folder that all may write to, for root', folder(1000, 0o777), 0, false],
    ['a folder where files have no owner', folder(0, 0o777), undefined, true],
    ['what is no folder', { ...folder(1000, 0o700), isDirectory: () => false }, 1000, false],
  ] as const) {
    it(`${accepted ? 'accepts' : 'refuses'} ${what}`, () => {
      assert.equal(problemWith(stat, us) === undefined, accepted)
    })
  }
})
