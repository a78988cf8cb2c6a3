import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VirtualTimeScheduler } from 'rxjs'
import { isHearthError } from '../../src/errors.js'
import { Lanes, type Slot } from '../../src/pull/lanes.js'

const never = new AbortController().signal

/** Lets every promise that is already settled run its continuations. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('Lanes', () => {
  it('lets in as many as the lane is wide, the others in the order in which they came', async () => {
    const lanes = new Lanes(2)
    const entered: number[] = []
    const slots: Slot[] = []
    for (const number of [1, 2, 3, 4]) {
      void lanes.enter('a', never).then((slot) => {
        entered.push(number)
        slots.push(slot)
      })
    }
    await settled()
    assert.deepEqual(entered, [1, 2])
    slots[1]?.leave()
    await settled()
    assert.deepEqual(entered, [1, 2, 3])
  })

  it('counts a slot once, however often it is left', async () => {
    const lanes = new Lanes(1)
    const first = await lanes.enter('a', never)
    first.leave()
    first.leave()
    await lanes.enter('a', never)
    let third = false
    void lanes.enter('a', never).then(() => {
      third = true
    })
    await settled()
    assert.equal(third, false)
  })

  it('keeps hosts apart', async () => {
    const lanes = new Lanes(1)
    await lanes.enter('a', never)
    await lanes.enter('b', never)
  })

  it('lets nobody in while it is paused, and a shorter pause does not end a longer one', async () => {
    const scheduler = new VirtualTimeScheduler()
    const lanes = new Lanes(4, scheduler)
    lanes.pause('a', 7000)
    lanes.pause('a', 10)
    let enteredAt = -1
    void lanes.enter('a', never).then(() => {
      enteredAt = scheduler.frame
    })
    await settled()
    assert.equal(enteredAt, -1)
    scheduler.flush()
    await settled()
    assert.equal(enteredAt, 7000)
  })

  it('lets the next in after a pause even if the clock is late', async () => {
    const scheduler = new VirtualTimeScheduler()
    // Timers and clocks round differently, and clocks are set back.
    scheduler.now = () => scheduler.frame - 1
    const lanes = new Lanes(1, scheduler)
    lanes.pause('a', 100)
    const entered = lanes.enter('a', never)
    scheduler.flush()
    await entered
  })

  it('has no timer left when it is ended, and lets in who waited', async () => {
    const lanes = new Lanes(1)
    lanes.pause('a', 60_000)
    const entered = lanes.enter('a', never)
    lanes.end()
    await entered
    assert.ok(!process.getActiveResourcesInfo().includes('Timeout'))
  })

  it('pauses one host alone', async () => {
    const lanes = new Lanes(1, new VirtualTimeScheduler())
    lanes.pause('a', 7000)
    await lanes.enter('b', never)
  })

  it('ends the wait of whoever is aborted, and gives the place to the next', async () => {
    const lanes = new Lanes(1)
    const first = await lanes.enter('a', never)
    const gone = new AbortController()
    const aborted = lanes.enter('a', gone.signal)
    const patient = lanes.enter('a', never)
    gone.abort()
    await assert.rejects(aborted, (error) => isHearthError(error, 'ABORTED'))
    first.leave()
    await patient
  })

  it('does not let in whoever was aborted before', async () => {
    await assert.rejects(new Lanes(1).enter('a', AbortSignal.abort()), (error) => isHearthError(error, 'ABORTED'))
  })
})
