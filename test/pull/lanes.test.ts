import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VirtualTimeScheduler } from 'rxjs'
import { isHearthError } from '../../src/errors.js'
import type { Pause, Slot } from '../../src/pull/lane.js'
import { Lanes } from '../../src/pull/lanes.js'

const never = new AbortController().signal
const asked = (ms: number): Pause => ({ ms, reason: 'asked' })

/** Lets every promise that is already settled run its continuations. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('Lanes', () => {
  it('lets in as many as the lane is wide, the others in the order in which they came', async () => {
    const lanes = new Lanes(2)
    const entered: number[] = []
    const slots: Slot[] = []
    for (const number of [1, 2, 3, 4]) {
      void lanes.enter('a', 'name', never).then((slot) => {
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
    const first = await lanes.enter('a', 'name', never)
    first.leave()
    first.leave()
    await lanes.enter('a', 'name', never)
    let third = false
    void lanes.enter('a', 'name', never).then(() => {
      third = true
    })
    await settled()
    assert.equal(third, false)
  })

  it('keeps hosts apart', async () => {
    const lanes = new Lanes(1)
    await lanes.enter('a', 'name', never)
    await lanes.enter('b', 'name', never)
  })

  it('lets nobody in while it is paused, and a shorter pause does not end a longer one', async () => {
    const scheduler = new VirtualTimeScheduler()
    const lanes = new Lanes(4, { scheduler, random: () => 0 })
    lanes.pause('a', asked(7000))
    lanes.pause('a', asked(10))
    let enteredAt = -1
    void lanes.enter('a', 'name', never).then(() => {
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
    const lanes = new Lanes(1, { scheduler, random: () => 0 })
    lanes.pause('a', asked(100))
    const entered = lanes.enter('a', 'name', never)
    scheduler.flush()
    await entered
  })

  it('has a timer only while somebody waits', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const lanes = new Lanes(1)
    lanes.pause('a', asked(60_000))
    assert.equal(timers(), 0)
    const [one, two] = [new AbortController(), new AbortController()]
    const waiting = [one, two].map(({ signal }) => assert.rejects(lanes.enter('a', 'name', signal)))
    assert.equal(timers(), 1)
    one.abort()
    assert.equal(timers(), 1)
    two.abort()
    assert.equal(timers(), 0)
    await Promise.all(waiting)
  })

  it('is paused no longer than it was told to, even if the clock is set back', async () => {
    const scheduler = new VirtualTimeScheduler()
    const lanes = new Lanes(1, { scheduler, random: () => 0 })
    let now = 1_000_000
    scheduler.now = () => now
    lanes.pause('a', asked(100))
    now = 0
    const entered = lanes.enter('a', 'name', never)
    scheduler.flush()
    await entered
    assert.equal(scheduler.frame, 100)
  })

  it('stays paused until the end of a longer pause that came while somebody waited', async () => {
    const scheduler = new VirtualTimeScheduler()
    const lanes = new Lanes(1, { scheduler, random: () => 0 })
    lanes.pause('a', asked(100))
    const entered = lanes.enter('a', 'name', never)
    lanes.pause('a', asked(500))
    scheduler.flush()
    await entered
    assert.equal(scheduler.frame, 500)
  })

  it('pauses one host alone', async () => {
    const lanes = new Lanes(1, { scheduler: new VirtualTimeScheduler() })
    lanes.pause('a', asked(7000))
    await lanes.enter('b', 'name', never)
  })

  it('ends the wait of whoever is aborted, and gives the place to the next', async () => {
    const lanes = new Lanes(1)
    const first = await lanes.enter('a', 'name', never)
    const gone = new AbortController()
    const aborted = lanes.enter('a', 'name', gone.signal)
    const patient = lanes.enter('a', 'name', never)
    gone.abort()
    await assert.rejects(aborted, (error) => isHearthError(error, 'ABORTED'))
    first.leave()
    await patient
  })

  it('does not let in whoever was aborted before', async () => {
    await assert.rejects(new Lanes(1).enter('a', 'name', AbortSignal.abort()), (error) =>
      isHearthError(error, 'ABORTED'),
    )
  })

  it('opens one slot after a pause, and another for each that is left', async () => {
    const scheduler = new VirtualTimeScheduler()
    const lanes = new Lanes(4, { scheduler, random: () => 0 })
    lanes.pause('a', asked(100))
    const slots: Slot[] = []
    for (let times = 0; times < 4; times++) void lanes.enter('a', 'name', never).then((slot) => slots.push(slot))
    scheduler.flush()
    await settled()
    assert.equal(slots.length, 1)
    slots[0]?.leave()
    await settled()
    assert.equal(slots.length, 3)
  })

  it('lets the next in after a pause although large blobs from before it take their time', async () => {
    const scheduler = new VirtualTimeScheduler()
    const lanes = new Lanes(4, { scheduler, random: () => 0 })
    await Promise.all([1, 2, 3].map(() => lanes.enter('a', 'name', never)))
    lanes.pause('a', asked(100))
    const slots: Slot[] = []
    for (let times = 0; times < 2; times++) void lanes.enter('a', 'name', never).then((slot) => slots.push(slot))
    scheduler.flush()
    await settled()
    assert.equal(slots.length, 1)
    slots[0]?.leave('served')
    await settled()
    assert.equal(slots.length, 2)
  })

  it('waits a little longer than it is told to, so that a fleet does not come back in step', async () => {
    const scheduler = new VirtualTimeScheduler()
    const lanes = new Lanes(1, { scheduler, random: () => 0.5 })
    lanes.pause('a', asked(60_000))
    const entered = lanes.enter('a', 'name', never)
    scheduler.flush()
    await entered
    assert.equal(scheduler.frame, 60_500)
  })

  it('tells of a pause, and of one that makes it longer, but not of each request that hears the same', () => {
    const told: string[] = []
    const scheduler = new VirtualTimeScheduler()
    const onPause = (host: string, { ms, reason }: Pause) => told.push(`${host} ${ms} ${reason}`)
    const lanes = new Lanes(4, { scheduler, random: () => 0, onPause })
    for (const ms of [2000, 2000, 1000, 9000]) lanes.pause('a', asked(ms))
    assert.deepEqual(told, ['a 2000 asked', 'a 9000 asked'])
  })

  it('sends away those who can go elsewhere, at once and while they wait', async () => {
    const lanes = new Lanes(1, { scheduler: new VirtualTimeScheduler() })
    await lanes.enter('a', 'name', never)
    const waiting = lanes.enterUnlessPaused('a', { bytes: 1 }, never)
    lanes.pause('a', asked(1000))
    assert.equal(await waiting, undefined)
    assert.equal(await lanes.enterUnlessPaused('a', { bytes: 1 }, never), undefined)
    assert.ok(await lanes.enterUnlessPaused('b', { bytes: 1 }, never))
  })

  it('lets visitors in beside all others, but none into a pause, and after it as many as are let in at all', async () => {
    const scheduler = new VirtualTimeScheduler()
    const lanes = new Lanes(2, { scheduler, random: () => 0 })
    for (let times = 0; times < 2; times++) await lanes.enter('a', { bytes: 1 }, never)
    for (let times = 0; times < 3; times++) assert.ok(lanes.visit('a'))
    lanes.pause('a', asked(1000))
    assert.equal(lanes.visit('a'), undefined)
    scheduler.schedule(() => undefined, 1000)
    scheduler.flush()
    const first = lanes.visit('a')
    assert.equal(lanes.visit('a'), undefined)
    first?.leave('served')
    assert.equal(lanes.served('a'), 1)
    for (let times = 0; times < 3; times++) assert.ok(lanes.visit('a'))
  })

  it('lets large blobs have every slot as soon as no more requests are expected', async () => {
    const lanes = new Lanes(4)
    const planned = [lanes.expect('a'), lanes.expect('a')]
    let entered = 0
    for (let times = 0; times < 4; times++) {
      void lanes.enter('a', { bytes: 2 ** 30 }, never).then(() => {
        entered += 1
      })
    }
    await settled()
    assert.equal(entered, 3)
    planned[0]?.()
    planned[0]?.()
    await settled()
    assert.equal(entered, 3)
    planned[1]?.()
    await settled()
    assert.equal(entered, 4)
  })
})
