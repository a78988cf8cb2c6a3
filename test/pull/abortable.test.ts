import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { describe, it } from 'node:test'
import { defer, EMPTY, from, NEVER, Observable, of, Subject, throwError } from 'rxjs'
import { isHearthError } from '../../src/errors.js'
import { collect, firstOf, Jobs } from '../../src/pull/abortable.js'

const aborted = (error: unknown) => isHearthError(error, 'ABORTED')
const listenersOf = ({ signal }: AbortController) => getEventListeners(signal, 'abort').length

describe('Jobs', () => {
  it('starts a job with its subscription, and gives its value', async () => {
    let started = 0
    const job = new Jobs().run(async () => {
      started += 1
      return 'done'
    })
    assert.equal(started, 0)
    assert.deepEqual(await collect(job), ['done'])
    assert.equal(started, 1)
  })

  it('passes on what a job throws, at once or later', async () => {
    const failure = new Error('failed')
    const jobs = new Jobs()
    const thrown = () => {
      throw failure
    }
    await assert.rejects(collect(jobs.run(thrown)), failure)
    await assert.rejects(collect(jobs.run(async () => thrown())), failure)
    await jobs.ended()
  })

  it('aborts the signal of a job that nobody wants any more, and not before', () => {
    let signal: AbortSignal | undefined
    const job = new Jobs().run((own) => {
      signal = own
      return new Promise(() => undefined)
    })
    const subscription = job.subscribe()
    assert.equal(signal?.aborted, false)
    subscription.unsubscribe()
    assert.equal(signal?.aborted, true)
  })

  it('leaves the rejection of a job that nobody wants to nobody', async () => {
    const jobs = new Jobs()
    const job = jobs.run(
      (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error()))),
    )
    job.subscribe({ error: () => assert.fail('it was heard') }).unsubscribe()
    await jobs.ended()
  })

  it('lets more than ten listen to one signal without a warning of Node', async () => {
    assert.deepEqual(await warningsOf(() => collect(new Jobs().run(async (signal) => listenOften(signal)))), [])
  })

  it('has ended when the last of its jobs has, also those that nobody wants and those that others began', async () => {
    const jobs = new Jobs()
    const order: string[] = []
    const gate = new Subject<string>()
    const inner = async () => {
      await collect(gate)
      order.push('inner')
    }
    const outer = jobs.run(async () => {
      await collect(of(1))
      jobs.run(inner).subscribe()
      order.push('outer')
    })
    outer.subscribe().unsubscribe()
    const ended = jobs.ended().then(() => order.push('ended'))
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(order, ['outer'])
    gate.complete()
    await ended
    assert.deepEqual(order, ['outer', 'inner', 'ended'])
  })

  it('has ended when there was never a job', async () => {
    await new Jobs().ended()
  })
})

describe('firstOf', () => {
  it('goes off with the first of its signals', () => {
    const [one, two] = [new AbortController(), new AbortController()]
    const first = firstOf(one.signal, two.signal)
    assert.equal(first.aborted, false)
    two.abort()
    assert.equal(first.aborted, true)
  })

  it('lets more than ten listen without a warning of Node', async () => {
    const { signal } = new AbortController()
    assert.deepEqual(await warningsOf(async () => listenOften(firstOf(signal))), [])
  })
})

describe('collect', () => {
  it('gives all values in their order', async () => {
    assert.deepEqual(await collect(from([3, 1, 2])), [3, 1, 2])
    assert.deepEqual(await collect(EMPTY), [])
  })

  it('rejects with ABORTED and unsubscribes when the signal goes off', async () => {
    const stop = new AbortController()
    let unsubscribed = false
    const source = new Observable(() => () => {
      unsubscribed = true
    })
    const collected = collect(source, stop.signal)
    stop.abort()
    await assert.rejects(collected, aborted)
    assert.equal(unsubscribed, true)
  })

  it('begins nothing under a signal that has gone off', async () => {
    const source = new Observable(() => assert.fail('it was begun'))
    await assert.rejects(collect(source, AbortSignal.abort()), aborted)
  })

  it('stops a source that aborts the signal while it begins', async () => {
    const stop = new AbortController()
    let unsubscribed = false
    const source = new Observable(() => {
      stop.abort()
      return () => {
        unsubscribed = true
      }
    })
    await assert.rejects(collect(source, stop.signal), aborted)
    assert.equal(unsubscribed, true)
  })

  const endings: readonly [string, Observable<unknown>][] = [
    ['completed at once', of(1)],
    ['failed at once', throwError(() => new Error('failed'))],
    ['completed later', from(Promise.resolve(1))],
    ['failed later', defer(() => Promise.reject(new Error('failed')))],
  ]
  for (const [how, source] of endings) {
    it(`leaves no listener behind when the source ${how}`, async () => {
      const stop = new AbortController()
      await collect(source, stop.signal).catch(() => undefined)
      assert.equal(listenersOf(stop), 0)
    })
  }

  it('leaves no listener behind when it was aborted', async () => {
    const stop = new AbortController()
    const collected = collect(NEVER, stop.signal)
    stop.abort()
    await assert.rejects(collected, aborted)
    assert.equal(listenersOf(stop), 0)
  })
})

function listenOften(signal: AbortSignal): void {
  for (let count = 0; count < 50; count++) signal.addEventListener('abort', () => undefined)
}

async function warningsOf(work: () => Promise<unknown>): Promise<readonly Error[]> {
  const warnings: Error[] = []
  const note = (warning: Error) => warnings.push(warning)
  process.on('warning', note)
  await work()
  await new Promise((resolve) => setImmediate(resolve))
  process.off('warning', note)
  return warnings
}
