import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { VirtualTimeScheduler } from 'rxjs'
import { type ErrorCode, HearthError } from '../../src/errors.js'
import { DEFAULTS } from '../../src/options.js'
import { HostPauses } from '../../src/pull/host-pauses.js'
import type { Pause } from '../../src/pull/lane.js'
import { Lanes } from '../../src/pull/lanes.js'

const never = new AbortController().signal

describe('HostPauses', () => {
  let lanes: Lanes
  let told: Pause[]
  let nowMs: number
  let pauses: HostPauses

  beforeEach(() => {
    nowMs = 0
    told = []
    const scheduler = new VirtualTimeScheduler()
    scheduler.now = () => nowMs
    lanes = new Lanes(4, { scheduler, random: () => 0, onPause: (_, pause) => told.push(pause) })
    pauses = new HostPauses({ lanes, policy: DEFAULTS.retry, random: () => 0.5, now: () => nowMs })
  })
  const fail = (code: ErrorCode, elsewhere = false, retryAfterMs?: number) =>
    pauses.note('a', new HearthError(code, 'failed', retryAfterMs === undefined ? {} : { retryAfterMs }), elsewhere)
  const paused = () => told.map(({ ms }) => ms)

  it('keeps what a server asks for', () => {
    fail('TOOMANYREQUESTS', false, 7000)
    assert.deepEqual(told, [{ ms: 7000, reason: 'asked' }])
    assert.equal(lanes.isPaused('a'), true)
  })

  it('makes no pause that nobody would wait for, unless there is another place to go to', () => {
    fail('TOOMANYREQUESTS', false, 3_600_000)
    assert.deepEqual(told, [])
    fail('TOOMANYREQUESTS', true, 3_600_000)
    assert.deepEqual(paused(), [DEFAULTS.retry.maxRetryAfterMs])
  })

  it('counts failures of those who were on their way already as one', () => {
    for (let times = 0; times < 8; times++) fail('CONNECTION_FAILED')
    assert.deepEqual(told, [{ ms: 125, reason: 'unreachable' }])
  })

  it('asks a host that is down less and less often, up to a limit, and gives it up in the end', () => {
    while (nowMs < DEFAULTS.retry.maxDelayMs * 2) {
      fail('CONNECTION_FAILED')
      nowMs += 2000
    }
    assert.deepEqual(paused().slice(0, 6), [125, 250, 500, 1000, 2000, 2000])
    assert.ok(paused().reduce((sum, ms) => sum + ms, 0) <= DEFAULTS.retry.maxDelayMs + 2000)
  })

  it('begins anew once the host has served somebody', async () => {
    fail('CONNECTION_FAILED')
    nowMs = 5000
    ;(await lanes.enter('a', 'name', never)).leave('served')
    fail('CONNECTION_FAILED')
    assert.deepEqual(paused(), [125, 125])
  })

  it('knows why a host is passed over, and for how long', () => {
    fail('TOOMANYREQUESTS', true, 3_600_000)
    nowMs = 1000
    const asked = pauses.whyPaused('a')
    assert.deepEqual([asked.code, asked.details.retryAfterMs], ['TOOMANYREQUESTS', 3_599_000])
    assert.equal(pauses.whyPaused('b').code, 'REGISTRY_UNAVAILABLE')
  })

  it('gives up hope for a mirror that has long been unreachable', () => {
    fail('CONNECTION_FAILED', true)
    assert.equal(pauses.whyPaused('a').details.givenUp, false)
    nowMs = DEFAULTS.retry.maxDelayMs + 1
    fail('CONNECTION_FAILED', true)
    assert.equal(pauses.whyPaused('a').details.givenUp, true)
  })

  it('never waits when nothing is to be tried again', () => {
    pauses = new HostPauses({ lanes, policy: { ...DEFAULTS.retry, retries: 0 }, random: () => 0.5, now: () => nowMs })
    fail('CONNECTION_FAILED')
    assert.deepEqual(told, [])
  })

  it('leaves other failures to whoever met them, except those that make a mirror useless', () => {
    for (const code of ['BLOB_UNKNOWN', 'TIMEOUT', 'TLS_FAILED', 'REGISTRY_UNAVAILABLE'] as const) fail(code)
    pauses.note('a', new TypeError('ours'))
    assert.deepEqual(told, [])
    fail('TLS_FAILED', true)
    assert.deepEqual(paused(), [125])
  })
})
