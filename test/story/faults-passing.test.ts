import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { anImage, type BuiltImage, digestsOf } from '../support/an-image.js'
import type { Match } from '../support/raw-script.js'
import * as steps from '../support/raw-steps.js'
import { pulled, soundBlobs, withPull } from '../support/with-pull.js'

/** Short enough for a test to see them pass, long enough for a busy machine to keep them. */
const LIMITS = { headersTimeoutMs: 300, bodyTimeoutMs: 300, progressWindowMs: 300, minBytesPerSecond: 1000 }
const OPTIONS = { transport: LIMITS, retry: { retries: 1 }, registry: { auth: { kind: 'bearer' } } } as const
const NEVER = new Promise<never>(() => {})

/** What may be wrong with one answer, and right the next time. RELIABILITY section 6, rows 1 to 4, 7 to 9, 19 to 21, 23. */
const FAULTS: Readonly<Record<string, steps.Step>> = {
  'is reset with the request in it': steps.resetAtOnce(),
  'ends before its head': steps.raw(''),
  'ends within its head': steps.raw('HTTP/1.1 200 OK\r\nContent-Le'),
  'is reset within its body': steps.resetAfter(40),
  'ends within its body': steps.finAfter(40),
  'ends within a chunked body': steps.all(steps.chunked(), steps.finAfter(40)),
  'is reset within a chunked body': steps.all(steps.chunked(), steps.resetAfter(40)),
  'never begins': steps.delayed(NEVER),
  'falls silent after its head': steps.hangAfter(0),
  'falls silent within its body': steps.hangAfter(40),
  trickles: steps.trickle(1, 20),
  ...Object.fromEntries([408, 500, 502, 503, 504].map((status) => [`is ${status}`, steps.respond(status)])),
  'is 429 without a word on when': steps.tooManyRequests(),
  'is a page that says 503': steps.respond(503, { 'Content-Type': 'text/html' }, '<html>down for maintenance</html>'),
}
/** Faults that only a digest brings to light: nothing vouches for the bytes of a token. */
const WRONG_BYTES: Readonly<Record<string, steps.Step>> = {
  'has a wrong byte': steps.wrongByte(20),
  'is HTTP/1.0 and ends early': steps.all(steps.http10(), steps.finAfter(40)),
  'is HTTP/1.0 and is reset': steps.all(steps.http10(), steps.resetAfter(40)),
}

describe('a pull recovers', { concurrency: 6 }, () => {
  let image: BuiltImage
  before(async () => {
    image = await anImage({ platforms: ['linux/amd64', 'linux/arm64'], layers: [{ bytes: 100_000 }] })
  })

  const amd64 = () => image.platforms.get('linux/amd64') ?? assert.fail()
  const targets: Readonly<Record<string, () => Match>> = {
    token: () => ({ kind: 'token' }),
    index: () => ({ kind: 'manifest', path: '/v2/app/manifests/v1' }),
    manifest: () => ({ kind: 'manifest', digest: amd64().manifest.digest }),
    config: () => ({ kind: 'blob', digest: amd64().config.digest }),
    layer: () => ({ kind: 'blob', digest: amd64().layers[0]?.digest ?? assert.fail() }),
  }

  for (const [target, match] of Object.entries(targets)) {
    const faults = { ...FAULTS, ...(target !== 'token' && WRONG_BYTES) }
    for (const [fault, step] of Object.entries(faults)) {
      it(`when the ${target} ${fault}`, () =>
        withPull(OPTIONS, async ({ registry, cache }) => {
          const name = registry.add(image, 'app', 'v1')
          // The first request of all is refused: it shows where tokens are to be had.
          if (target === 'index') registry.script(match(), steps.normal())
          registry.script(match(), step)
          await pulled(cache, name)
          assert.deepEqual(await soundBlobs(cache), digestsOf(image, ['linux/amd64']))
          assert.equal(registry.requestsFor(match()).length, target === 'index' ? 3 : 2)
        }))
    }
  }
})
