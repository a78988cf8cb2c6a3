import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { renderVerification } from '../../src/commands/verify.js'
import { verifyLine, verifyProgress } from '../../src/commands/verify-progress.js'
import { ERRORS, type VerifyReport } from '../../src/index.js'

const MIB = 1024 * 1024
const clean: VerifyReport = { blobs: 40, bytes: 3 * MIB, references: 1, events: 300, problems: [] }

describe('the result of verify', () => {
  it('says what was checked when all is well', () => {
    const { lines, problems, exitCode, document } = renderVerification(clean)
    assert.deepEqual(lines, ['40 blobs (3.0 MiB), 1 reference, 300 events checked: no problems'])
    assert.deepEqual(problems, [])
    assert.equal(exitCode, 0)
    assert.equal(document, clean)
  })

  it('lists each problem and fails', () => {
    const { lines, problems, exitCode } = renderVerification({
      ...clean,
      problems: [
        { kind: 'blob', subject: 'sha256:1', failure: { code: 'DIGEST_MISMATCH', message: 'damaged', details: {} } },
        { kind: 'stray', subject: 'x\u001b', failure: { code: 'LAYOUT_INVALID', message: 'no blob', details: {} } },
      ],
    })
    assert.deepEqual(lines, [
      'blob   sha256:1  DIGEST_MISMATCH  damaged',
      'stray  x\\u001b   LAYOUT_INVALID   no blob',
      '40 blobs (3.0 MiB), 1 reference, 300 events checked: 2 problems',
    ])
    assert.deepEqual(problems, ['hearth: VERIFY_FAILED: found 2 problems'])
    assert.equal(exitCode, ERRORS.VERIFY_FAILED.exitCode)
  })
})

describe('the progress of verify', () => {
  const event = { type: 'verify-progress', blobs: 1, totalBlobs: 4, bytes: MIB, totalBytes: 4 * MIB } as const

  it('shows rate and time left', () => {
    assert.equal(verifyLine(event, 2000), '1/4 blobs, 1.0 MiB of 4.0 MiB, 512.0 KiB/s, 6.0 s left')
  })

  it('shows neither before they are known, and no time when nothing is left', () => {
    assert.equal(verifyLine({ ...event, bytes: 0 }, 0), '1/4 blobs, 0 B of 4.0 MiB')
    assert.equal(verifyLine({ ...event, bytes: 4 * MIB }, 1000), '1/4 blobs, 4.0 MiB of 4.0 MiB, 4.0 MiB/s')
  })

  it('is one line about the last event', () => {
    const source = verifyProgress(1000)
    assert.deepEqual(source.frame(1000, 10), ['reading the log'])
    source.apply(event, 2000)
    assert.deepEqual(source.frame(3000, 10), [verifyLine(event, 2000)])
    assert.deepEqual(source.remarks(event, 3000), [])
  })

  it('begins anew with what a repair fetches', () => {
    const source = verifyProgress(1000)
    source.apply(event, 9000)
    const fetched = { ...event, type: 'repair-progress' } as const
    source.apply(fetched, 10_000)
    assert.deepEqual(source.frame(12_000, 10), [
      'fetching again: 1/4 blobs, 1.0 MiB of 4.0 MiB, 512.0 KiB/s, 6.0 s left',
    ])
  })
})
