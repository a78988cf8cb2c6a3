import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defer, type Observable, of, throwError, VirtualTimeScheduler } from 'rxjs'
import { type ErrorCode, type ErrorDetails, HearthError, isHearthError } from '../../src/errors.js'
import { nextDelayMs, retryDelayMs, retryWhenUseful } from '../../src/pull/retry.js'

const policy = { retries: 3, minDelayMs: 100, maxDelayMs: 1000, maxRetryAfterMs: 5000 }
const failure = (code: ErrorCode, details: ErrorDetails = {}) => new HearthError(code, 'failed', details)

describe('retryDelayMs', () => {
  it('doubles the ceiling with each attempt, up to the cap', () => {
    const ceilings = [1, 2, 3, 4, 5, 6].map((attempt) => retryDelayMs(policy, attempt, 0.9999999))
    assert.deepEqual(ceilings, [99, 199, 399, 799, 999, 999])
  })

  it('spreads from nothing to the ceiling', () => {
    assert.deepEqual(
      [0, 0.25, 0.5].map((random) => retryDelayMs(policy, 2, random)),
      [0, 50, 100],
    )
  })
})

describe('nextDelayMs', () => {
  it('waits at least as long as the server asks, plus up to a second of jitter', () => {
    const asked = failure('TOOMANYREQUESTS', { retryAfterMs: 4000 })
    assert.equal(nextDelayMs(policy, 1, asked, 0), 4000)
    assert.equal(nextDelayMs({ ...policy, minDelayMs: 60_000, maxDelayMs: 60_000 }, 1, asked, 0.9), 5000)
  })

  it('gives up at once when the server asks for more than the policy allows, naming the time', () => {
    const asked = failure('TOOMANYREQUESTS', { retryAfterMs: 5001 })
    assert.throws(
      () => nextDelayMs(policy, 1, asked, 0),
      (error) => isHearthError(error, 'TOOMANYREQUESTS') && error.message.includes('6 s') && error.cause === asked,
    )
  })

  it('tries again what only a mirror may still give, when the mirror wants it', () => {
    const asked = failure('HOST_UNKNOWN', { mirror: 'm', mirrorRetryAfterMs: 4000 })
    assert.equal(nextDelayMs(policy, 1, asked, 0), 4000)
    assert.equal(nextDelayMs(policy, 2, failure('BLOB_UNKNOWN', { mirror: 'm', mirrorRetryAfterMs: 0 }), 0.5), 100)
  })

  const final: readonly [string, unknown][] = [
    ['what another attempt cannot change', failure('BLOB_UNKNOWN')],
    ['bytes that the worker has fetched twice already', failure('DIGEST_MISMATCH')],
    ['a defect of our own', new RangeError('oops')],
  ]
  for (const [what, error] of final) {
    it(`throws ${what} as it is`, () => {
      assert.throws(
        () => nextDelayMs(policy, 1, error, 0),
        (thrown) => thrown === error,
      )
    })
  }
})

describe('retryWhenUseful', () => {
  /** Fails with each of the errors in turn, then succeeds. Says when each attempt began. */
  function attempts(errors: readonly Error[], options: { progressed?: () => boolean; random?: () => number } = {}) {
    const scheduler = new VirtualTimeScheduler()
    const began: number[] = []
    const source: Observable<string> = defer(() => {
      began.push(scheduler.frame)
      const error = errors[began.length - 1]
      return error === undefined ? of('done') : throwError(() => error)
    })
    let outcome: unknown
    source
      .pipe(retryWhenUseful(policy, { random: () => 0.5, ...options, scheduler }))
      .subscribe({ next: (value) => (outcome = value), error: (error: unknown) => (outcome = error) })
    scheduler.flush()
    return { began, outcome }
  }
  const lost = failure('CONNECTION_LOST')

  it('comes back after growing, jittered waits', () => {
    assert.deepEqual(attempts([lost, lost, lost]), { began: [0, 50, 150, 350], outcome: 'done' })
  })

  it('fails with the last error when the attempts are used up', () => {
    const { began, outcome } = attempts([lost, lost, lost, failure('TIMEOUT')])
    assert.equal(began.length, 4)
    assert.ok(isHearthError(outcome, 'TIMEOUT'))
  })

  it('does not come back for what cannot pass', () => {
    const unknown = failure('MANIFEST_UNKNOWN')
    assert.deepEqual(attempts([unknown]), { began: [0], outcome: unknown })
  })

  it('counts afresh after an attempt that got somewhere', () => {
    const errors = Array.from({ length: 10 }, () => lost)
    assert.equal(attempts(errors, { progressed: () => true }).outcome, 'done')
  })

  it('never retries in step: different random numbers, different times', () => {
    const starts = [0.1, 0.4, 0.7].map((random) => attempts([lost], { random: () => random }).began[1])
    assert.deepEqual(starts, [10, 40, 70])
  })

  it('counts for each subscriber alone', () => {
    const scheduler = new VirtualTimeScheduler()
    let attempts = 0
    const job = defer(() => {
      attempts += 1
      return throwError(() => lost)
    }).pipe(retryWhenUseful(policy, { random: () => 0, scheduler }))
    for (const expected of [4, 8]) {
      job.subscribe({ error: () => undefined })
      scheduler.flush()
      assert.equal(attempts, expected)
    }
  })
})
