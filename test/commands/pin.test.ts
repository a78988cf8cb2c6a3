import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { renderPins } from '../../src/commands/pin.js'

const failure = { code: 'REFERENCE_UNKNOWN', message: 'not in the cache: "c"', details: {} } as const

describe('the result of pin and unpin', () => {
  const report = { changed: ['a\u202e'], unchanged: ['b'], failed: [{ reference: 'c', failure }] }

  it('names what was done, what was so already, and what failed', () => {
    const { lines, problems, exitCode, document } = renderPins(report, 'pinned')
    assert.deepEqual(lines, ['pinned a\\u202e', 'b was pinned'])
    assert.deepEqual([problems, exitCode], [['hearth: REFERENCE_UNKNOWN: not in the cache: "c"'], 3])
    assert.equal(document, report)
  })

  it('says the same of pins taken off', () => {
    assert.deepEqual(renderPins(report, 'unpinned').lines, ['unpinned a\\u202e', 'b was not pinned'])
    assert.equal(renderPins({ ...report, failed: [] }, 'unpinned').exitCode, 0)
  })
})
