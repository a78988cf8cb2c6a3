import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Pace } from '../../src/blobs/pace.js'

const MIB = 1024 * 1024

/** What the pace makes of a line: its rate, in MiB a second, for each number of connections. */
function watch(most: number, rateOf: (connections: number) => number): number[] {
  const pace = new Pace(most)
  return Array.from({ length: 8 }, () => pace.observe(rateOf(pace.connections) * MIB, 1000))
}

describe('Pace', () => {
  it('stays with one connection on a line that it fills', () => {
    assert.deepEqual(new Set(watch(8, () => 500)), new Set([1]))
  })

  it('doubles while each connection is held back, up to the most there may be', () => {
    assert.deepEqual(watch(8, (connections) => 25 * connections).slice(0, 4), [2, 4, 8, 8])
    assert.equal(watch(6, (connections) => 25 * connections).at(-1), 6)
  })

  it('stops when more connections bring no more', () => {
    assert.deepEqual(watch(8, () => 20).slice(0, 3), [2, 2, 2])
  })

  it('waits while nothing comes at all', () => {
    assert.deepEqual(new Set(watch(8, () => 0)), new Set([1]))
  })

  it('never grows again once it was settled', () => {
    const pace = new Pace(8)
    pace.settle(0)
    assert.equal(pace.connections, 1)
    assert.equal(pace.observe(1, 1000), 1)
  })
})
