import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DelayLine } from '../../bench/support/delay-line.js'

describe('a delay line', () => {
  it('lets out nothing early, and everything at its time', () => {
    const line = new DelayLine<string>(25)
    line.enter('a', 100)
    assert.equal(line.nextAt, 125)
    assert.deepEqual(line.leave(124.9), [])
    assert.deepEqual(line.leave(125), ['a'])
    assert.deepEqual([line.leave(1000), line.nextAt], [[], undefined])
  })

  it('delays a thousand items that enter together no more than one', () => {
    const line = new DelayLine<number>(25)
    const items = Array.from({ length: 1000 }, (_, at) => at)
    for (const item of items) line.enter(item, 100)
    assert.deepEqual(line.leave(125), items)
  })

  it('keeps the order and the distances in time', () => {
    const line = new DelayLine<string>(25)
    line.enter('a', 100)
    line.enter('b', 110)
    assert.deepEqual(line.leave(134), ['a'])
    assert.equal(line.nextAt, 135)
    line.enter('c', 134)
    assert.deepEqual(line.leave(200), ['b', 'c'])
  })

  it('takes nothing up before it opens, and keeps the order of what waited', () => {
    const line = new DelayLine<string>(25, 150)
    line.enter('early', 100)
    line.enter('late', 149)
    line.enter('after', 151)
    assert.deepEqual(line.leave(174.9), [])
    assert.deepEqual(line.leave(175), ['early', 'late'])
    assert.deepEqual(line.leave(176), ['after'])
  })
})
