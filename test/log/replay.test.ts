import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Recorded } from '../../src/log/events.js'
import { applyAll, emptyIndex } from '../../src/log/projection.js'
import { replay } from '../../src/log/replay.js'
import { aLog, blobCommitted, blobRemoved, referenceRemoved, referenceSet } from '../support/a-log.js'

const LOG = aLog(blobCommitted('a'), referenceSet('app:1'), blobRemoved('a'), referenceRemoved('app:1'))

/** The records, and how many of them were asked for. */
function reading(): { readonly records: AsyncIterable<Recorded>; readonly read: () => number } {
  let read = 0
  async function* records(): AsyncGenerator<Recorded> {
    for (const recorded of LOG) {
      read += 1
      yield recorded
    }
  }
  return { records: records(), read: () => read }
}

describe('a replay', () => {
  it('amounts to the fold of the records up to the end, and reads no more', async () => {
    for (const end of [0, 1, 2, 3, 4]) {
      const { records, read } = reading()
      const { state, last } = await replay(records, end)
      assert.deepEqual(state, applyAll(emptyIndex, LOG.slice(0, end)))
      assert.deepEqual([last?.position, read()], [end === 0 ? undefined : end, end])
    }
  })

  it('also gives the states on the way, as far as the records reach', async () => {
    const { states, state } = await replay(reading().records, 9, new Set([0, 2, 9]))
    assert.deepEqual([...states.keys()], [0, 2])
    assert.deepEqual(states.get(2), applyAll(emptyIndex, LOG.slice(0, 2)))
    assert.deepEqual(state, applyAll(emptyIndex, LOG))
  })
})
