import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { renderDiff } from '../../src/commands/diff.js'
import { digestBytes } from '../../src/oci/hasher.js'

const [one, two] = [await digestBytes(Buffer.from('1')), await digestBytes(Buffer.from('2'))]

describe('a difference', () => {
  const report = {
    from: { position: 1, at: '2026-01-02T03:04:05.678Z' },
    to: { position: 9, at: '2026-01-03T03:04:05.678Z' },
    added: [{ reference: 'c\u001b[2J', digest: one }],
    removed: [{ reference: 'a', digest: two }],
    moved: [{ reference: 'b', from: one, to: two }],
  }

  it('is a line for each name, in order, and one that sums it up', () => {
    const { lines, exitCode, document } = renderDiff(report)
    assert.deepEqual(lines, [
      `- a ${two}`,
      `~ b ${one} ${two}`,
      `+ c\\u001b[2J ${one}`,
      '1 added, 1 removed, 1 moved between positions 1 and 9',
    ])
    assert.deepEqual([exitCode, document], [0, report])
  })
})
