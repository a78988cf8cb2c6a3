import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { catchError, defer, lastValueFrom, Observable, of, Subject, throwError } from 'rxjs'
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

  it('gives a new job to whoever asks again because the one that was joined failed', async () => {
    const flights = new SingleFlight<string>()
    const first = new Subject<string>()
    let subscriptions = 0
    const failing = () =>
      defer(() => {
        subscriptions += 1
        return first
      })
    const owner = lastValueFrom(flights.run('k', failing)).catch((error: unknown) => error)
    const joined = lastValueFrom(
      flights.run('k', failing).pipe(catchError(() => flights.run('k', () => of('from its own source')))),
    )
    const failure = new Error('not there')
    first.error(failure)
    assert.equal(await owner, failure)
    assert.equal(await joined, 'from its own source')
    assert.equal(subscriptions, 1)
  })

  it('does not forget a new job when the last one leaves an old one late', () => {
    const flights = new SingleFlight<number>()
    const running = () => new Observable<number>()
    const old = flights.run('k', running)
    const first = old.subscribe()
    first.unsubscribe()
    const current = flights.run('k', running)
    current.subscribe()
    old.subscribe().unsubscribe()
    assert.equal(flights.run('k', running), current)
  })

  it('lets a caller who joins late have the value that is there', async () => {
    const flights = new SingleFlight<number>()
    const job = () =>
      new Observable<number>((subscriber) => {
        subscriber.next(7)
        return () => undefined
      })
    const first = flights.run('k', job).subscribe()
    let late: number | undefined
    flights.run('k', job).subscribe((value) => {
      late = value
    })
    first.unsubscribe()
    assert.equal(late, 7)
  })
})
