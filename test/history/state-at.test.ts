import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { readHistory } from '../../src/history/read-history.js'
import { lastPosition, stateAt } from '../../src/history/state-at.js'
import { MemoryEventLog } from '../../src/log/memory-event-log.js'
import { applyAll, emptyIndex } from '../../src/log/projection.js'
import { readAll, referenceSet } from '../support/a-log.js'

/** A log whose clock says these minutes, one for each record. */
async function aLogAt(...minutes: readonly number[]): Promise<MemoryEventLog> {
  let next = 0
  const at = () => new Date(Date.UTC(2026, 0, 1, 0, minutes[next++] ?? 59)).toISOString()
  const log = new MemoryEventLog({ stamp: () => ({ id: `${next}`, at: at() }) })
  await log.hold((held) => held.append(minutes.map((_, place) => referenceSet(`app:${place + 1}`))))
  return log
}

const minute = (minutes: number) => new Date(Date.UTC(2026, 0, 1, 0, minutes))
const positionAt = async (log: MemoryEventLog, moment: number | Date) =>
  (await stateAt(log, moment)).state.head.position

describe('the state at a moment', () => {
  it('is the fold of the records up to a position', async () => {
    const log = await aLogAt(1, 2, 3)
    const records = await readAll(log.read(0))
    for (let position = 0; position <= 3; position++) {
      const { state, at } = await stateAt(log, position)
      assert.deepEqual(state, applyAll(emptyIndex, records.slice(0, position)))
      assert.equal(at, records[position - 1]?.at)
    }
  })

  it('is that of the last record which is not later than a time', async () => {
    const log = await aLogAt(1, 3, 5)
    const positions = [0, 1, 2, 3, 4, 5, 99].map((minutes) => positionAt(log, minute(minutes)))
    assert.deepEqual(await Promise.all(positions), [0, 1, 1, 2, 2, 3, 3])
  })

  it('takes in what was written before the time by a clock that had jumped', async () => {
    assert.equal(await positionAt(await aLogAt(1, 50, 2, 60), minute(3)), 3)
  })

  it('refuses a position that the log has not come to', async () => {
    const log = await aLogAt(1, 2)
    await assert.rejects(stateAt(log, 3), (error) => isHearthError(error, 'POSITION_UNKNOWN'))
    assert.equal(await lastPosition(log), 2)
  })
})

describe('the records of a history', () => {
  const positions = async (log: MemoryEventLog, options: Parameters<typeof readHistory>[1]) =>
    (await readAll(readHistory(log, options))).map(({ position }) => position)

  it('come after a position, or since one', async () => {
    const log = await aLogAt(1, 2, 3)
    assert.deepEqual(await positions(log, {}), [1, 2, 3])
    assert.deepEqual(await positions(log, { after: 2 }), [3])
    assert.deepEqual(await positions(log, { since: 2 }), [2, 3])
    assert.deepEqual(await positions(log, { since: 0 }), [1, 2, 3])
    assert.deepEqual(await positions(log, { since: 1, after: 2 }), [3])
    assert.deepEqual(await positions(log, { since: 9 }), [])
  })

  it('come since a time, and then all of them', async () => {
    const log = await aLogAt(1, 5, 3, 6)
    assert.deepEqual(await positions(log, { since: minute(4) }), [2, 3, 4])
    assert.deepEqual(await positions(log, { since: minute(7) }), [])
  })

  it('go on with what is appended when they are followed, until the signal', async () => {
    const log = await aLogAt(1)
    const stop = new AbortController()
    const seen: number[] = []
    for await (const { position } of readHistory(log, { follow: true, signal: stop.signal })) {
      seen.push(position)
      if (position < 3) await log.hold((held) => held.append([referenceSet('more')]))
      else setImmediate(() => stop.abort())
    }
    assert.deepEqual(seen, [1, 2, 3])
  })

  it('end with ABORTED when nobody follows them', async () => {
    const signal = AbortSignal.abort()
    await assert.rejects(positions(await aLogAt(1), { signal }), (error) => isHearthError(error, 'ABORTED'))
  })
})
