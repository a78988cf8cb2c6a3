import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { TaskCalls, type Ticker } from '../../src/pool/task-calls.js'
import { reportBytes, stopRequested } from '../../src/pool/task-control.js'
import type { TaskOutcome } from '../../src/pool/tasks.js'

const aborted = (error: unknown) => isHearthError(error, 'ABORTED')
const stoppedOutcome: TaskOutcome<never> = { ok: false, failure: { code: 'ABORTED', message: 'stopped', details: {} } }

/** Ticks when it is told to. */
function handTicker() {
  const ticks = new Set<() => void>()
  const ticker: Ticker = (tick) => {
    ticks.add(tick)
    return () => void ticks.delete(tick)
  }
  return {
    ticker,
    tick: () => {
      for (const tick of ticks) tick()
    },
    running: () => ticks.size,
  }
}

/** A task that ends when the test says so, or when it is asked to stop and the test lets it look. */
function aTask<T>() {
  let end = (_: TaskOutcome<T>) => {}
  let control = new SharedArrayBuffer(0)
  const outcome = new Promise<TaskOutcome<T>>((resolve) => {
    end = resolve
  })
  return {
    start: (given: SharedArrayBuffer) => {
      control = given
      return outcome
    },
    end: (result: TaskOutcome<T>) => end(result),
    report: (bytes: number) => reportBytes(control, bytes),
    mustStop: () => stopRequested(control),
  }
}

describe('TaskCalls', () => {
  it('resolves with the value of an outcome, rejects with its failure', async () => {
    const calls = new TaskCalls(handTicker().ticker)
    assert.equal(await calls.call(async () => ({ ok: true, value: 7 })), 7)
    const failure = { code: 'DIGEST_MISMATCH', message: 'damaged', details: { actual: 'x' } } as const
    await assert.rejects(
      calls.call(async () => ({ ok: false, failure })),
      (error) => isHearthError(error, 'DIGEST_MISMATCH') && error.details.actual === 'x',
    )
  })

  it('tells of bytes at each tick that has news, and at the end', async () => {
    const { ticker, tick, running } = handTicker()
    const seen: number[] = []
    const task = aTask<void>()
    const call = new TaskCalls(ticker).call(task.start, { onBytes: (bytes) => seen.push(bytes) })
    tick()
    task.report(5)
    tick()
    tick()
    task.report(9)
    task.end({ ok: true, value: undefined })
    await call
    assert.deepEqual(seen, [5, 9])
    assert.equal(running(), 0)
  })

  it('tells of fewer bytes when a task has begun again', async () => {
    const { ticker, tick } = handTicker()
    const seen: number[] = []
    const task = aTask<void>()
    const call = new TaskCalls(ticker).call(task.start, { onBytes: (bytes) => seen.push(bytes) })
    for (const bytes of [5, 0, 3]) {
      task.report(bytes)
      tick()
    }
    task.end({ ok: true, value: undefined })
    await call
    assert.deepEqual(seen, [5, 0, 3])
  })

  it('runs no ticker for a caller who does not listen', async () => {
    const { ticker, running } = handTicker()
    const task = aTask<void>()
    const call = new TaskCalls(ticker).call(task.start)
    assert.equal(running(), 0)
    task.end({ ok: true, value: undefined })
    await call
  })

  it('asks only the task of an aborted signal to stop', async () => {
    const calls = new TaskCalls(handTicker().ticker)
    const controller = new AbortController()
    const [one, two] = [aTask<void>(), aTask<void>()]
    const first = calls.call(one.start, { signal: controller.signal })
    const second = calls.call(two.start)
    controller.abort()
    assert.deepEqual([one.mustStop(), two.mustStop()], [true, false])
    one.end(stoppedOutcome)
    two.end({ ok: true, value: undefined })
    await assert.rejects(first, aborted)
    await second
  })

  it('starts nothing under a signal that has gone off', async () => {
    const call = new TaskCalls(handTicker().ticker).call(() => assert.fail('started'), { signal: AbortSignal.abort() })
    await assert.rejects(call, aborted)
  })

  it('forgets the signal when the task has ended', async () => {
    const task = aTask<void>()
    const controller = new AbortController()
    const call = new TaskCalls(handTicker().ticker).call(task.start, { signal: controller.signal })
    task.end({ ok: true, value: undefined })
    await call
    controller.abort()
    assert.equal(task.mustStop(), false)
  })

  it('asks all to stop, waits for the last and takes no more', async () => {
    const calls = new TaskCalls(handTicker().ticker)
    const tasks = [aTask<void>(), aTask<void>()]
    const ended = tasks.map((task) => assert.rejects(calls.call(task.start), aborted))
    let stopped = false
    const stop = calls.stop().then(() => {
      stopped = true
    })
    assert.ok(tasks.every((task) => task.mustStop()))
    tasks[0]?.end(stoppedOutcome)
    await ended[0]
    assert.equal(stopped, false)
    tasks[1]?.end(stoppedOutcome)
    await stop
    await Promise.all(ended)
    await assert.rejects(
      calls.call(() => assert.fail('started')),
      aborted,
    )
  })
})
