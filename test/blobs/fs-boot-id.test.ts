import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { readBootId } from '../../src/blobs/fs-boot-id.js'
import { tempDir } from '../support/temp-dir.js'

describe('the boot id', () => {
  it('is the same as long as the machine runs', { skip: process.platform !== 'linux' }, async () => {
    assert.equal(await readBootId(), await readBootId())
    assert.match(await readBootId(), /^[0-9a-f-]{36}$/)
  })

  it('is never the same twice where the system does not tell', async () => {
    const absent = join(await tempDir(), 'boot_id')
    assert.notEqual(await readBootId(absent), await readBootId(absent))
    await writeFile(absent, '\n')
    assert.notEqual(await readBootId(absent), await readBootId(absent))
  })
})
