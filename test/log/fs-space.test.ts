import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { HearthError, isHearthError } from '../../src/errors.js'
import { availableBytes, withSpace } from '../../src/log/fs-space.js'
import { tempDir } from '../support/temp-dir.js'

describe('what a full disk is told with', () => {
  it('says how much is needed and how much is free', async () => {
    const path = await tempDir()
    const told = await withSpace(new HearthError('NO_SPACE', 'full', { errno: 'ENOSPC' }), path, 7)
    assert.ok(isHearthError(told, 'NO_SPACE'))
    assert.deepEqual([told.message, told.details.errno, told.details.needed], ['full', 'ENOSPC', 7])
    assert.ok(Number(told.details.free) > 0)
  })

  it('leaves numbers that are there, and other errors', async () => {
    const path = await tempDir()
    for (const error of [
      new HearthError('NO_SPACE', 'full', { needed: 1, free: 0 }),
      new HearthError('LOG_BUSY', ''),
    ]) {
      assert.equal(await withSpace(error, path, 7), error)
    }
  })

  it('is not known of a folder that is gone', async () => {
    await assert.rejects(availableBytes(join(await tempDir(), 'gone')), (error) => isHearthError(error, 'STORE_FAILED'))
  })
})
