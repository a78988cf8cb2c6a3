import assert from 'node:assert/strict'
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { guarded, guardedAsync, storeError } from '../../src/blobs/fs-error.js'
import { HearthError, isHearthError } from '../../src/errors.js'
import { tempDir } from '../support/temp-dir.js'

const errno = (code: string) => Object.assign(new Error(code), { code })

describe('a refusal of the file system', () => {
  it('on a full disk is NO_SPACE, with what was needed and what is free', () => {
    const full = openSync('/dev/full', 'w')
    try {
      assert.throws(
        () => guarded({ step: 'write', path: '/dev/full', needed: 4 }, () => writeSync(full, 'four')),
        (error) =>
          isHearthError(error, 'NO_SPACE') && error.details.needed === 4 && typeof error.details.free === 'number',
      )
    } finally {
      closeSync(full)
    }
  })

  it('of a quota is NO_SPACE, even when the free space cannot be told', async () => {
    const path = join(await tempDir(), 'gone', 'data')
    const error = storeError(errno('EDQUOT'), { step: 'write', path })
    assert.ok(isHearthError(error, 'NO_SPACE'))
    assert.equal('free' in error.details, false)
  })

  it('to write is STORE_READ_ONLY, to read is STORE_FAILED', () => {
    for (const code of ['EROFS', 'EACCES', 'EPERM']) {
      assert.ok(isHearthError(storeError(errno(code), { step: 'write', path: 'p' }), 'STORE_READ_ONLY'))
      assert.ok(isHearthError(storeError(errno(code), { step: 'read', path: 'p' }), 'STORE_FAILED'))
    }
  })

  it('of any other kind is STORE_FAILED, and names the step, the path and the errno', async () => {
    const path = join(await tempDir(), 'absent')
    assert.throws(
      () => guarded({ step: 'read', path }, () => readFileSync(path)),
      (error) => {
        assert.ok(isHearthError(error, 'STORE_FAILED'))
        assert.deepEqual(error.details, { step: 'read', path, errno: 'ENOENT' })
        return true
      },
    )
    assert.ok(isHearthError(storeError(errno('EIO'), { step: 'fsync', path }), 'STORE_FAILED'))
  })

  it('comes as a rejection from a step that takes its time', async () => {
    const failing = guardedAsync({ step: 'write', path: 'p' }, () => Promise.reject(errno('EIO')))
    await assert.rejects(failing, (error) => isHearthError(error, 'STORE_FAILED'))
  })

  it('is not what a defect of ours looks like', () => {
    const defects = [new TypeError('undefined is not a function'), errno('ERR_INVALID_ARG_TYPE'), 'a thrown text']
    for (const defect of defects) assert.equal(storeError(defect, { step: 'write', path: 'p' }), defect)
  })

  it('keeps a code that it has already', () => {
    const error = new HearthError('SIZE_MISMATCH', 'short')
    assert.equal(storeError(error, { step: 'write', path: 'p' }), error)
  })
})
