import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { renderRemoval } from '../../src/commands/rm.js'
import { ERRORS, type ErrorCode, type RemoveReport } from '../../src/index.js'

const aReport = (changes: Partial<RemoveReport> = {}): RemoveReport => ({
  removed: [],
  kept: [],
  removedBlobs: 0,
  freedBytes: 0,
  ...changes,
})
const kept = (reference: string, code: ErrorCode) => ({ reference, failure: { code, message: 'why', details: {} } })

describe('the result of rm and clean', () => {
  it('names what was removed and says what it freed', () => {
    const { lines, problems, exitCode } = renderRemoval(
      aReport({ removed: ['a', 'b\u001b'], removedBlobs: 1, freedBytes: 2048 }),
    )
    assert.deepEqual(lines, ['removed a', 'removed b\\u001b', '2 references and 1 blob removed, 2.0 KiB freed'])
    assert.deepEqual(problems, [])
    assert.equal(exitCode, 0)
  })

  it('fails for a reference that is not there', () => {
    const { lines, problems, exitCode } = renderRemoval(aReport({ kept: [kept('x', 'REFERENCE_UNKNOWN')] }))
    assert.deepEqual(lines, ['0 references and 0 blobs removed, 0 B freed'])
    assert.deepEqual(problems, ['hearth: REFERENCE_UNKNOWN: x: why'])
    assert.equal(exitCode, ERRORS.REFERENCE_UNKNOWN.exitCode)
  })

  it('with --published-only takes "not published" for an answer, but not a registry that is down', () => {
    const report = aReport({
      kept: [kept('a', 'MANIFEST_UNKNOWN'), kept('b', 'DIGEST_MISMATCH'), kept('c', 'CONNECTION_FAILED')],
    })
    const { lines, problems, exitCode } = renderRemoval(report, { publishedOnly: true })
    assert.deepEqual(lines.slice(0, 2), ['kept a: MANIFEST_UNKNOWN', 'kept b: DIGEST_MISMATCH'])
    assert.deepEqual(problems, ['hearth: CONNECTION_FAILED: c: why'])
    assert.equal(exitCode, ERRORS.CONNECTION_FAILED.exitCode)
  })

  it('without --published-only fails for each reference that was kept', () => {
    const { problems } = renderRemoval(aReport({ kept: [kept('a', 'MANIFEST_UNKNOWN')] }))
    assert.equal(problems.length, 1)
  })

  it('fails when references are gone but a damaged manifest kept all blobs', () => {
    const blobsKept = { code: 'DIGEST_MISMATCH', message: 'damaged', details: {} } as const
    const { problems, exitCode } = renderRemoval(aReport({ removed: ['a'], blobsKept }))
    assert.deepEqual(problems, ['hearth: DIGEST_MISMATCH: no blob was removed: damaged'])
    assert.equal(exitCode, ERRORS.DIGEST_MISMATCH.exitCode)
  })

  it('is the report of the library as a document', () => {
    const report = aReport({ removed: ['a'] })
    assert.equal(renderRemoval(report).document, report)
  })

  it('takes a pin for a result where nothing was named', () => {
    const report = aReport({ kept: [kept('a', 'REFERENCE_PINNED')] })
    assert.equal(renderRemoval(report).exitCode, 7)
    const { lines, exitCode } = renderRemoval(report, { results: ['REFERENCE_PINNED'] })
    assert.deepEqual([lines[0], exitCode], ['kept a: REFERENCE_PINNED', 0])
  })
})
