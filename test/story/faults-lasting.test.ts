import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import type { ErrorCode } from '../../src/errors.js'
import { anImage, type BuiltImage } from '../support/an-image.js'
import type { Match } from '../support/raw-script.js'
import * as steps from '../support/raw-steps.js'
import { refused, soundBlobs, withPull } from '../support/with-pull.js'

const LIMITS = { headersTimeoutMs: 250, bodyTimeoutMs: 250, progressWindowMs: 300, minBytesPerSecond: 1000 }
const RETRIES = 2
const OPTIONS = { transport: LIMITS, retry: { retries: RETRIES }, registry: { auth: { kind: 'bearer' } } } as const
const NEVER = new Promise<never>(() => {})

type Target = 'token' | 'index' | 'manifest' | 'config' | 'layer'
interface Lasting {
  readonly step: steps.Step
  readonly code: ErrorCode | ByStep<ErrorCode>
  /** How often it is asked for. Default: as often as retries allow. */
  readonly requests?: number | ByStep<number>
}
type ByStep<T> = Readonly<Record<'token' | 'manifest' | 'blob', T>>

const once = (step: steps.Step, code: Lasting['code']): Lasting => ({ step, code, requests: 1 })
const headers = (lines: string) => steps.raw(`HTTP/1.1 200 OK\r\n${lines}\r\n\r\nabcdef`)

/** RELIABILITY section 6: what no retry heals ends with a code of its own, and leaves nothing wrong behind. */
const FAULTS: Readonly<Record<string, Lasting>> = {
  'is reset each time': { step: steps.resetAtOnce(), code: 'CONNECTION_LOST' },
  'ends within its body each time': { step: steps.finAfter(30), code: 'CONNECTION_LOST' },
  'never begins': { step: steps.delayed(NEVER), code: 'TIMEOUT' },
  'is 500 each time': { step: steps.respond(500), code: 'REGISTRY_UNAVAILABLE' },
  'is 429 each time': { step: steps.tooManyRequests(), code: 'TOOMANYREQUESTS' },
  'is 403': once(steps.fail(403, 'DENIED'), 'DENIED'),
  'is 404': once(steps.respond(404), { token: 'PROTOCOL_ERROR', manifest: 'MANIFEST_UNKNOWN', blob: 'BLOB_UNKNOWN' }),
  'is 410': once(steps.respond(410), { token: 'PROTOCOL_ERROR', manifest: 'MANIFEST_UNKNOWN', blob: 'BLOB_UNKNOWN' }),
  'is 418': once(steps.respond(418), 'PROTOCOL_ERROR'),
  'is no HTTP at all': once(steps.raw('SSH-2.0-OpenSSH_9.2p1\r\n'), 'PROTOCOL_ERROR'),
  'has a head without end': once(headers(`X-Long: ${'x'.repeat(20_000)}`), 'PROTOCOL_ERROR'),
  'has two lengths': once(headers('Content-Length: 3\r\nContent-Length: 6'), 'PROTOCOL_ERROR'),
  'has a length and is chunked': once(headers('Content-Length: 6\r\nTransfer-Encoding: chunked'), 'PROTOCOL_ERROR'),
  'has a chunk without a length': once(headers('Transfer-Encoding: chunked\r\n\r\nxyz'), 'PROTOCOL_ERROR'),
  'redirects to itself': { step: steps.redirect(({ path }) => path), code: 'REDIRECT_REFUSED', requests: 6 },
  'redirects nowhere': once(steps.respond(307), 'REDIRECT_REFUSED'),
  'is the page of a captive portal': once(steps.captivePortal(), {
    token: 'PROTOCOL_ERROR',
    manifest: 'PROTOCOL_ERROR',
    blob: 'SIZE_MISMATCH',
  }),
  'is empty': once(steps.respond(200), {
    token: 'PROTOCOL_ERROR',
    manifest: 'MANIFEST_INVALID',
    blob: 'SIZE_MISMATCH',
  }),
}
/** Faults that only size and digest bring to light. */
const WRONG_BYTES: Readonly<Record<string, Lasting>> = {
  'has a wrong byte each time': { step: steps.wrongByte(20), code: 'DIGEST_MISMATCH', requests: 2 },
  'is longer than it should be': {
    step: steps.longer(3),
    code: { token: 'PROTOCOL_ERROR', manifest: 'DIGEST_MISMATCH', blob: 'SIZE_MISMATCH' },
    requests: { token: 1, manifest: 2, blob: 1 },
  },
  'is longer than it should be, by surprise': {
    step: steps.all(steps.longer(3), steps.chunked()),
    code: { token: 'PROTOCOL_ERROR', manifest: 'DIGEST_MISMATCH', blob: 'SIZE_MISMATCH' },
    requests: { token: 1, manifest: 2, blob: 1 },
  },
}

describe('a pull gives up', { concurrency: 6 }, () => {
  let image: BuiltImage
  before(async () => {
    image = await anImage({ platforms: ['linux/amd64', 'linux/arm64'], layers: [{ bytes: 100_000 }] })
  })

  const amd64 = () => image.platforms.get('linux/amd64') ?? assert.fail()
  const targets: Readonly<Record<Target, () => Match>> = {
    token: () => ({ kind: 'token' }),
    index: () => ({ kind: 'manifest', path: '/v2/app/manifests/v1' }),
    manifest: () => ({ kind: 'manifest', digest: amd64().manifest.digest }),
    config: () => ({ kind: 'blob', digest: amd64().config.digest }),
    layer: () => ({ kind: 'blob', digest: amd64().layers[0]?.digest ?? assert.fail() }),
  }

  for (const target of Object.keys(targets) as Target[]) {
    const match = targets[target]
    const kind = target === 'token' ? 'token' : target === 'index' || target === 'manifest' ? 'manifest' : 'blob'
    const faults = { ...FAULTS, ...(target !== 'token' && WRONG_BYTES) }
    for (const [fault, { step, code, requests = RETRIES + 1 }] of Object.entries(faults)) {
      const expected = typeof code === 'string' ? code : code[kind]
      const times = typeof requests === 'number' ? requests : requests[kind]
      it(`with ${expected} when the ${target} ${fault}`, () =>
        withPull(OPTIONS, async ({ registry, cache }) => {
          const name = registry.add(image, 'app', 'v1')
          if (target === 'index') registry.script(match(), steps.normal())
          registry.always(match(), step)
          const { details } = await refused(cache, name, expected)
          assert.equal(registry.requestsFor(match()).length, times + (target === 'index' ? 1 : 0))
          assert.equal(details.host, registry.host)
          assert.equal(details.step, kind)
          assert.equal(cache.log.state.references.size, 0)
          await soundBlobs(cache)
        }))
    }
  }
})
