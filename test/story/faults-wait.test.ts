import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { anImage } from '../support/an-image.js'
import type { Match } from '../support/raw-script.js'
import * as steps from '../support/raw-steps.js'
import { pulled, refused, withPull } from '../support/with-pull.js'

const SECOND = 1000
/** The server's clock is a quarter of a century slow. */
const THEN = Date.UTC(2001, 1, 3, 4, 5, 6)
const http = (time: number) => new Date(time).toUTCString()
const retryAfter = (status: number, value: string) =>
  steps.all(steps.fail(status, 'TOOMANYREQUESTS', { 'Retry-After': value }), steps.withHeaders({ Date: http(THEN) }))

interface Asked {
  readonly path: string
  /** Milliseconds. */
  readonly at: number
}

const AUTH = { auth: { kind: 'bearer' } } as const
const KINDS: Readonly<Record<string, Match>> = {
  token: { kind: 'token' },
  manifest: { kind: 'manifest' },
  blob: { kind: 'blob' },
}

/** RELIABILITY section 6, rows 8 to 10. */
describe('a pull that is told when to come back', { concurrency: 8 }, () => {
  for (const [kind, match] of Object.entries({ manifest: KINDS.manifest, blob: KINDS.blob })) {
    it(`lets nobody else ask that host meanwhile, for a ${kind}`, () =>
      withPull({ jobs: 1 }, async ({ registry, cache }) => {
        const images = await Promise.all(
          ['a', 'b', 'c', 'd', 'e', 'f'].map((seed) => anImage({ seed, layers: [{}, {}] })),
        )
        const names = images.map((image, at) => registry.add(image, `app-${at}`, 'v1'))
        let toldAt = 0
        const times: number[] = []
        registry.script(match ?? {}, (answer, context) => {
          toldAt = performance.now()
          return retryAfter(429, '1')(answer, context)
        })
        registry.always({}, (answer) => {
          times.push(performance.now())
          return answer
        })
        const { results } = await cache.pull(names)
        assert.ok(results.every(({ ok }) => ok))
        const early = times.map((time) => time - toldAt).filter((after) => after > 0 && after < SECOND - 20)
        assert.deepEqual(early, [])
      }))
  }

  for (const [kind, match] of Object.entries(KINDS)) {
    for (const [form, step] of Object.entries({
      'in seconds': retryAfter(429, '1'),
      'as a date by its own clock': retryAfter(429, http(THEN + SECOND)),
      'with 503': retryAfter(503, '1'),
    })) {
      it(`waits, for a ${kind} and ${form}`, () =>
        withPull({ registry: AUTH, jobs: 2 }, async ({ registry, cache }) => {
          const name = registry.add(await anImage({ layers: [{}, {}, {}, {}] }), 'app', 'v1')
          const told: Asked[] = []
          const asked: Asked[] = []
          registry.script(match, (answer, context) => {
            told.push({ path: context.request.path, at: performance.now() })
            return step(answer, context)
          })
          registry.always({}, (answer, { request }) => {
            asked.push({ path: request.path, at: performance.now() })
            return answer
          })
          await pulled(cache, name)
          const [first] = told
          const again = asked.find(({ path, at }) => path === first?.path && at > first.at)
          assert.ok((again?.at ?? 0) - (first?.at ?? 0) >= SECOND - 20)
        }))
    }

    for (const [form, value] of Object.entries({ seconds: '3600', 'a date': http(THEN + 3600 * SECOND) })) {
      it(`gives up at once when that is too late, for a ${kind} and ${form}, and says when`, () =>
        withPull({ registry: AUTH }, async ({ registry, cache }) => {
          if (kind === 'manifest') registry.script(match, steps.normal())
          registry.always(match, retryAfter(429, value))
          const { details } = await refused(cache, registry.add(await anImage(), 'app', 'v1'), 'TOOMANYREQUESTS')
          assert.equal(details.retryAfterMs, 3600 * SECOND)
        }))
    }
  }

  const USELESS = ['0', '-1', 'soon', http(THEN - SECOND), http(THEN), 'Sat, 32 Feb 2031 00:00:00 GMT', '1, 3600']
  for (const value of USELESS) {
    it(`takes its own time when it is told ${value}`, () =>
      withPull({}, async ({ registry, cache }) => {
        registry.script({ kind: 'manifest' }, retryAfter(429, value))
        registry.script({ kind: 'blob' }, retryAfter(503, value))
        await pulled(cache, registry.add(await anImage(), 'app', 'v1'))
        const delays = cache.progress.flatMap((event) => ('delayMs' in event ? [event.delayMs] : []))
        assert.equal(delays.length, 2)
        assert.ok(
          delays.every((delayMs) => delayMs < SECOND),
          `${delays}`,
        )
      }))
  }
})
