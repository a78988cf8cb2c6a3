import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defer, lastValueFrom, Observable, of, Subject, throwError } from 'rxjs'
import { SingleFlight } from '../../src/pull/single-flight.js'

describe('SingleFlight', () => {
  it('runs one job for all who ask while it runs', async () => {
    const flights = new SingleFlight<number>()
    const answer = new Subject<number>()
    let started = 0
    const job = () =>
      defer(() => {
        started += 1
        return answer
      })
    const both = Promise.all([lastValueFrom(flights.run('k', job)), lastValueFrom(flights.run('k', job))])
    answer.next(42)
    answer.complete()
    assert.deepEqual(await both, [42, 42])
    assert.equal(started, 1)
  })

  it('forgets a finished job', async () => {
    const flights = new SingleFlight<number>()
    assert.equal(await lastValueFrom(flights.run('k', () => of(1))), 1)
    assert.equal(await lastValueFrom(flights.run('k', () => of(2))), 2)
  })

  it('forgets a failed job', async () => {
    const flights = new SingleFlight<number>()
    const failure = new Error('failed')
    await assert.rejects(lastValueFrom(flights.run('k', () => throwError(() => failure))), failure)
    assert.equal(await lastValueFrom(flights.run('k', () => of(2))), 2)
  })

  it('aborts the job only when the last one has left', () => {
    const flights = new SingleFlight<number>()
    let aborted = false
    const job = () =>
      new Observable<number>(() => () => {
        aborted = true
      })
    const first = flights.run('k', job).subscribe()
    const second = flights.run('k', job).subscribe()
    first.unsubscribe()
    assert.equal(aborted, false)
    second.unsubscribe()
    assert.equal(aborted, true)
  })
})
