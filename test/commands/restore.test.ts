import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { renderRestored } from '../../src/commands/restore.js'
import { digestBytes } from '../../src/oci/hasher.js'

const digest = await digestBytes(Buffer.from('1'))

describe('the result of restore', () => {
  it('says what was restored, and what was so already', () => {
    const { lines, problems, exitCode } = renderRestored({
      restored: [
        { reference: 'a', digest, changed: true },
        { reference: 'b', digest, changed: false },
      ],
      failed: [],
    })
    assert.deepEqual([lines, problems, exitCode], [[`restored a to ${digest}`, `b is ${digest} already`], [], 0])
  })

  it('names each blob that is missing, and fails', () => {
    const failure = {
      code: 'BLOB_UNKNOWN',
      message: '1 of 4 blobs are not in the cache any more',
      details: {},
    } as const
    const report = { restored: [], failed: [{ reference: 'app:1', failure, missing: [digest] }] }
    const { problems, exitCode, document } = renderRestored(report)
    assert.deepEqual(problems, [`hearth: BLOB_UNKNOWN: app:1: ${failure.message}`, `  missing ${digest}`])
    assert.deepEqual([exitCode, document], [3, report])
  })
})
