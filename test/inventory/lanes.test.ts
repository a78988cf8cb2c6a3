import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { inLanes } from '../../src/inventory/lanes.js'

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('lanes', () => {
  it('work on every item once, never on more of them than there are lanes', async () => {
    const done: number[] = []
    let running = 0
    let peak = 0
    const work = async (item: number): Promise<void> => {
      running += 1
      peak = Math.max(peak, running)
      await tick()
      done.push(item)
      running -= 1
    }
    await inLanes([1, 2, 3, 4, 5, 6, 7], work, { lanes: 3 })
    assert.deepEqual(done, [1, 2, 3, 4, 5, 6, 7])
    assert.equal(peak, 3)
  })

  it('start nothing new after a failure, and end only when what was under way has ended', async () => {
    const started: number[] = []
    let ended = 0
    const work = async (item: number): Promise<void> => {
      started.push(item)
      if (item === 1) throw new RangeError('one')
      await tick()
      await tick()
      ended += 1
    }
    await assert.rejects(inLanes([1, 2, 3, 4], work, { lanes: 2 }), RangeError)
    assert.deepEqual(started, [1, 2])
    assert.equal(ended, 1)
  })

  it('stop with ABORTED', async () => {
    const controller = new AbortController()
    const started: number[] = []
    const work = async (item: number): Promise<void> => {
      started.push(item)
      controller.abort()
    }
    const run = inLanes([1, 2, 3], work, { lanes: 1, signal: controller.signal })
    await assert.rejects(run, (error) => isHearthError(error, 'ABORTED'))
    assert.deepEqual(started, [1])
  })

  it('have nothing to do for no items', async () => {
    await inLanes([], () => Promise.reject(new Error('called')), { lanes: 4 })
  })
})
