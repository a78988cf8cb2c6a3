import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { renderCompacted } from '../../src/commands/compact.js'

describe('the result of log --compact', () => {
  it('names each archive, and says how much was moved', () => {
    const report = {
      records: 6000,
      archives: [
        { from: 1, through: 5000, size: 2048 },
        { from: 5001, through: 6000, size: 10 },
      ],
    }
    const { lines, exitCode, document } = renderCompacted(report)
    assert.deepEqual(lines, [
      'archived records 1 to 5000 (2.0 KiB)',
      'archived records 5001 to 6000 (10 B)',
      '6000 records moved to 2 archives',
    ])
    assert.deepEqual([exitCode, document], [0, report])
  })

  it('says when there was nothing to do', () => {
    assert.deepEqual(renderCompacted({ records: 0, archives: [] }).lines, ['0 records moved to 0 archives'])
  })
})
