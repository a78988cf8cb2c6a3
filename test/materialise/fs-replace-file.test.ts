import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { isTemporaryOf, replaceFile } from '../../src/materialise/fs-replace-file.js'
import { tempDir } from '../support/temp-dir.js'

describe('replacing a file', () => {
  it('puts the new content in place, and leaves nothing else', async () => {
    const path = join(await tempDir(), 'file')
    for (const content of ['one', 'two', '']) {
      await replaceFile(path, Buffer.from(content))
      assert.equal(await readFile(path, 'utf8'), content)
    }
    assert.deepEqual(await readdir(join(path, '..')), ['file'])
  })

  it('gives readers one whole content or the other', async () => {
    const path = join(await tempDir(), 'file')
    const contents = ['a', 'b'].map((letter) => letter.repeat(100_000))
    await replaceFile(path, Buffer.from(contents[0] ?? ''))
    const writing = Promise.all(
      Array.from({ length: 10 }, (_, n) => replaceFile(path, Buffer.from(contents[n % 2] ?? ''))),
    )
    for (let n = 0; n < 20; n++) assert.ok(contents.includes(await readFile(path, 'utf8')))
    await writing
  })

  it('replaces a link, not what it leads to', async () => {
    const folder = await tempDir()
    await writeFile(join(folder, 'elsewhere'), 'theirs')
    await symlink('elsewhere', join(folder, 'file'))
    await replaceFile(join(folder, 'file'), Buffer.from('ours'))
    assert.equal(await readFile(join(folder, 'elsewhere'), 'utf8'), 'theirs')
  })

  it('leaves what cannot be replaced, and cleans up', async () => {
    const folder = await tempDir()
    await mkdir(join(folder, 'file'))
    await assert.rejects(replaceFile(join(folder, 'file'), Buffer.from('x')), (error) =>
      isHearthError(error, 'STORE_FAILED'),
    )
    assert.deepEqual(await readdir(folder), ['file'])
    assert.ok((await stat(join(folder, 'file'))).isDirectory())
  })

  it('knows its own temporary names', () => {
    const random = '0123456789abcdef'.repeat(2)
    assert.ok(isTemporaryOf('index.json', `index.json.12.${random}`))
    for (const name of [
      'index.json',
      'index.json.12',
      `index.json.${random}`,
      `index.json.12.${random}0`,
      `x.12.${random}`,
    ]) {
      assert.equal(isTemporaryOf('index.json', name), false, name)
    }
  })
})
