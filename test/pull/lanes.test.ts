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

  it('has a timer only while somebody waits', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const lanes = new Lanes(1)
    lanes.pause('a', 60_000)
    assert.equal(timers(), 0)
    const [one, two] = [new AbortController(), new AbortController()]
    const waiting = [one, two].map(({ signal }) => assert.rejects(lanes.enter('a', signal)))
    assert.equal(timers(), 1)
    one.abort()
    assert.equal(timers(), 1)
    two.abort()
    assert.equal(timers(), 0)
    await Promise.all(waiting)
  })

  it('is paused no longer than it was told to, even if the clock is set back', async () => {
    const scheduler = new VirtualTimeScheduler()
    const lanes = new Lanes(1, scheduler)
    let now = 1_000_000
    scheduler.now = () => now
    lanes.pause('a', 100)
    now = 0
    const entered = lanes.enter('a', never)
    scheduler.flush()
    await entered
    assert.equal(scheduler.frame, 100)
  })

  it('stays paused until the end of a longer pause that came while somebody waited', async () => {
    const scheduler = new VirtualTimeScheduler()
    const lanes = new Lanes(1, scheduler)
    lanes.pause('a', 100)
    const entered = lanes.enter('a', never)
    lanes.pause('a', 500)
    scheduler.flush()
    await entered
    assert.equal(scheduler.frame, 500)
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
