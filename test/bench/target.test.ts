import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Standing } from '../../bench/support/contest.js'
import { bestOf, judge, standingOf, type Target } from '../../bench/support/target.js'

const FASTER: Target = { work: 'work', against: 'crane', bound: 'at least', value: 1.5, unit: 'x' }
const STANDINGS: readonly Standing[] = [
  { name: 'hearth', medianSeconds: 1 },
  { name: 'skopeo', medianSeconds: 3 },
  { name: 'crane', medianSeconds: 2 },
  { name: 'oras', medianSeconds: 0.5 },
  { name: 'linuxkit', absent: true },
]

describe('a target', () => {
  it('holds at its bound and on its right side', () => {
    assert.deepEqual(
      [1.49, 1.5, 2].map((measured) => judge(FASTER, measured).holds),
      [false, true, true],
    )
    assert.deepEqual(
      [1.49, 1.5, 2].map((measured) => judge({ ...FASTER, bound: 'at most' }, measured).holds),
      [true, true, false],
    )
  })

  it('neither holds nor fails when nothing was measured', () => {
    assert.deepEqual([judge(FASTER, undefined), judge(FASTER, Number.NaN)], [FASTER, FASTER])
  })
})

describe('the best of several', () => {
  it('is the fastest of those that are asked for', () => {
    assert.equal(bestOf(STANDINGS, ['skopeo', 'crane', 'linuxkit'])?.name, 'crane')
  })

  it('is nobody when all are absent', () => {
    assert.equal(bestOf(STANDINGS, ['linuxkit']), undefined)
  })

  it('refuses a name that did not take part', () => {
    assert.throws(() => standingOf(STANDINGS, 'docker'), TypeError)
  })
})
