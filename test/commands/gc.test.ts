import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { renderReclaimed } from '../../src/commands/gc.js'
import type { ReclaimReport } from '../../src/index.js'
import { digestBytes } from '../../src/oci/hasher.js'

const digest = await digestBytes(Buffer.from('root'))
const NONE = { count: 0, bytes: 0 }
const aReport = (changes: Partial<ReclaimReport> = {}): ReclaimReport => ({
  dryRun: false,
  evicted: [],
  removed: { evicted: NONE, unreferenced: NONE, unknown: NONE, strays: NONE, ingests: NONE },
  removedBlobs: 0,
  freedBytes: 0,
  keptBlobs: 3,
  keptBytes: 2048,
  overBudgetBytes: 0,
  ...changes,
})

describe('the result of gc', () => {
  it('says what went and why, and what stays', () => {
    const { lines, problems, exitCode } = renderReclaimed(
      aReport({
        evicted: [{ reference: 'evil\u001b[2J', digest, lastUsed: '2026-01-02T03:04:05.678Z' }],
        removed: {
          evicted: { count: 2, bytes: 1024 },
          unreferenced: { count: 1, bytes: 10 },
          unknown: { count: 1, bytes: 20 },
          strays: { count: 1, bytes: 30 },
          ingests: { count: 2, bytes: 40 },
        },
        removedBlobs: 4,
        freedBytes: 1124,
      }),
    )
    assert.deepEqual(lines, [
      'evicted evil\\u001b[2J, last used 2026-01-02T03:04:05.678Z',
      'removed 2 blobs (1.0 KiB) that only evicted images needed',
      'removed 1 blob (10 B) that no image needs any more',
      'removed 1 blob (20 B) that no pull has recorded',
      'removed 1 stray file (30 B) that can be no blob',
      'removed 2 partial downloads (40 B) that nobody has gone on with for a day',
      '1.1 KiB freed; 2.0 KiB in 3 blobs kept',
    ])
    assert.deepEqual([problems, exitCode], [[], 0])
  })

  it('speaks of a dry run as of what would happen', () => {
    const evicted = [{ reference: 'a', digest, lastUsed: '2026-01-02T03:04:05.678Z' }]
    const { lines } = renderReclaimed(aReport({ dryRun: true, evicted }))
    assert.deepEqual(lines, [
      'would evict a, last used 2026-01-02T03:04:05.678Z',
      '0 B would be freed; 2.0 KiB in 3 blobs kept',
    ])
  })

  it('says when the budget could not be kept, which is no failure', () => {
    const { problems, exitCode } = renderReclaimed(aReport({ overBudgetBytes: 1024 }))
    assert.match(problems.join(), /^hearth: 1\.0 KiB more than --keep-bytes/)
    assert.equal(exitCode, 0)
  })

  it('fails when an image could not be read', () => {
    const blobsKept = { code: 'DIGEST_MISMATCH', message: 'damaged', details: {} } as const
    const { problems, exitCode } = renderReclaimed(aReport({ blobsKept, overBudgetBytes: 5 }))
    assert.deepEqual([problems.length, exitCode], [1, 4])
  })

  it('is the report itself as a document', () => {
    const report = aReport()
    assert.equal(renderReclaimed(report).document, report)
  })
})
