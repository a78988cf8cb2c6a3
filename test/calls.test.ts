import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { describe, it } from 'node:test'
import type { HistoryOptions } from '../src/call-options.js'
import { Calls } from '../src/calls.js'
import { HearthError } from '../src/errors.js'

const ABORTED = { code: 'ABORTED' }

/** Work that ends with ABORTED when it is told to. */
function untilAborted({ signal }: { readonly signal: AbortSignal }): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new HearthError('ABORTED', 'stopped')))
  })
}

describe('Calls', () => {
  it('hands on the options and the result', async () => {
    const options: HistoryOptions = { after: 7 }
    const given = await new Calls().run(options, async ({ after, signal }) => [after, signal.aborted])
    assert.deepEqual(given, [7, false])
  })

  it('passes on what the work throws', async () => {
    const failure = new Error('failed')
    await assert.rejects(
      new Calls().run({}, () => Promise.reject(failure)),
      failure,
    )
  })

  it('ends a call with its caller’s signal, and no other one', async () => {
    const calls = new Calls()
    const stop = new AbortController()
    const other = calls.run({}, untilAborted)
    const stopped = calls.run({ signal: stop.signal }, untilAborted)
    stop.abort()
    await assert.rejects(stopped, ABORTED)
    await Promise.all([calls.stop(), assert.rejects(other, ABORTED)])
  })

  it('does not begin under a signal that has gone off', async () => {
    const work = () => assert.fail('it was begun')
    await assert.rejects(new Calls().run({ signal: AbortSignal.abort() }, work), ABORTED)
  })

  it('leaves no listener on the caller’s signal, whatever came of the call', async () => {
    const calls = new Calls()
    const { signal } = new AbortController()
    await calls.run({ signal }, async () => undefined)
    await assert.rejects(calls.run({ signal }, () => Promise.reject(new Error('failed'))))
    assert.equal(getEventListeners(signal, 'abort').length, 0)
  })

  it('ends all of them, waits for the last, and refuses new ones', async () => {
    const calls = new Calls()
    const ended: number[] = []
    const running = [1, 2].map((number) =>
      assert.rejects(
        calls.run({}, async (linked) => {
          try {
            await untilAborted(linked)
          } finally {
            await new Promise((resolve) => setImmediate(resolve))
            ended.push(number)
          }
        }),
        ABORTED,
      ),
    )
    await calls.stop()
    assert.deepEqual(ended, [1, 2])
    await Promise.all(running)
    await assert.rejects(
      calls.run({}, async () => assert.fail('it was begun')),
      ABORTED,
    )
    await assert.rejects(calls.stream({}, async function* () {}).next(), ABORTED)
    await calls.stop()
  })

  it('end what is streamed too, and do not wait for whoever takes it', async () => {
    const calls = new Calls()
    const stream = calls.stream({}, async function* ({ signal }) {
      yield 1
      await untilAborted({ signal })
    })
    assert.deepEqual(await stream.next(), { done: false, value: 1 })
    const ended = assert.rejects(stream.next(), ABORTED)
    await calls.stop()
    await ended
  })

  it('leave no listener on the signal of a stream that was not read to its end', async () => {
    const calls = new Calls()
    const { signal } = new AbortController()
    for await (const _ of calls.stream({ signal }, async function* () {
      yield 1
      yield 2
    })) {
      break
    }
    assert.equal(getEventListeners(signal, 'abort').length, 0)
    await calls.stop()
  })
})
