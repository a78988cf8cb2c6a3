import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Digest } from '../../src/oci/digest.js'
import { anImage, type BuiltImage, digestsOf } from '../support/an-image.js'
import { contentOf } from '../support/blob-content.js'
import { type Answer, anAnswer } from '../support/raw-answer.js'
import type { RawRegistry } from '../support/raw-registry.js'
import * as steps from '../support/raw-steps.js'
import { pulled, refused, soundBlobs, withPull } from '../support/with-pull.js'

const LIMITS = { headersTimeoutMs: 300, bodyTimeoutMs: 300, progressWindowMs: 300, minBytesPerSecond: 1000 }
const OPTIONS = { transport: LIMITS, retry: { retries: 1 } }

const PLATFORMS = ['linux/amd64', 'linux/arm64']
const image = await anImage({ platforms: PLATFORMS, layers: [{ bytes: 200_000 }] })
const layer = layerOf(image)
/** So large that it is resumed. */
const large = await anImage({ platforms: PLATFORMS, layers: [{ bytes: 3_000_000 }] })
const largeLayer = layerOf(large)
const everything = () => digestsOf(image, ['linux/amd64'])

function layerOf({ platforms }: BuiltImage): Digest {
  return platforms.get('linux/amd64')?.layers[0]?.digest ?? assert.fail()
}

describe('a pull accepts', () => {
  /** RELIABILITY section 6, rows 3 to 5, 25, 28 and 50: unusual, but the bytes are right. */
  const ODDITIES: Readonly<Record<string, steps.Step>> = {
    'chunked bodies': steps.chunked(),
    'HTTP/1.0 without a length': steps.http10(),
    'bytes after the announced end': steps.surplus(20),
    'bytes after the end of a body that is followed by silence': steps.all(steps.surplus(20), steps.hangAfter(1e6)),
    'no digest in the headers': steps.withHeaders({ 'Docker-Content-Digest': undefined }),
    'header names in capitals': (answer) => ({
      ...answer,
      headers: Object.fromEntries(Object.entries(answer.headers).map(([name, value]) => [name.toUpperCase(), value])),
    }),
    'a content type with parameters': (answer) => ({
      ...answer,
      headers: { ...answer.headers, 'Content-Type': `${answer.headers['Content-Type']}; charset=utf-8` },
    }),
    'no content type': steps.withHeaders({ 'Content-Type': undefined }),
    'connections that serve one request': (answer) => ({ ...answer, end: 'fin' }),
  }
  for (const [oddity, step] of Object.entries(ODDITIES)) {
    it(oddity, () =>
      withPull(OPTIONS, async ({ registry, cache }) => {
        registry.always({}, step)
        await pulled(cache, registry.add(image, 'app', 'v1'))
        assert.deepEqual(await soundBlobs(cache), everything())
        assert.ok([...registry.blobRequests().values()].every((count) => count === 1))
      }),
    )
  }

  it('a registry without HEAD, ranges and digests', () =>
    withPull({ ...OPTIONS, registry: { head: false, ranges: false, digestHeader: false } }, async (parts) => {
      const { registry, cache } = parts
      const name = registry.add(image, 'app', 'v1')
      registry.script({ digest: layer }, steps.finAfter(90_000))
      await pulled(cache, name)
      assert.deepEqual(await soundBlobs(cache), everything())
      const { results } = await cache.pull([name], { policy: 'newer' })
      assert.deepEqual([results[0]?.ok, results[0]?.ok && results[0].unchecked], [true, undefined])
    }))

  it('relative redirects', () =>
    withPull(OPTIONS, async ({ registry, cache }) => {
      registry.script({ digest: layer }, steps.redirect(`../blobs/${layer}?once`))
      await pulled(cache, registry.add(image, 'app', 'v1'))
      assert.equal(registry.blobRequests().get(layer), 2)
    }))

  it('a blob that a proxy on the way calls compressed, when its bytes are right', () =>
    withPull(OPTIONS, async ({ registry, cache }) => {
      registry.always({ kind: 'blob' }, steps.withHeaders({ 'Content-Encoding': 'gzip' }))
      await pulled(cache, registry.add(image, 'app', 'v1'))
      assert.deepEqual(await soundBlobs(cache), everything())
    }))

  it('an answer that is announced', () =>
    withPull(OPTIONS, async ({ registry, cache }) => {
      const bytes = image.blobs.get(layer) ?? assert.fail()
      const hint = 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'
      const head = Buffer.from(`${hint}HTTP/1.1 200 OK\r\nContent-Length: ${bytes.length}\r\n\r\n`)
      registry.script({ digest: layer }, steps.raw(Buffer.concat([head, bytes])))
      await pulled(cache, registry.add(image, 'app', 'v1'))
      assert.equal(registry.blobRequests().get(layer), 1)
    }))

  it('a manifest that a cache on the way had wrong, by asking past it', () =>
    withPull(OPTIONS, async ({ registry, cache }) => {
      registry.script({ kind: 'manifest' }, steps.wrongByte())
      await pulled(cache, registry.add(image, 'app', 'v1'))
      const asked = registry.requestsFor({ kind: 'manifest' }).map(({ headers }) => headers['cache-control'])
      assert.deepEqual(asked.slice(0, 3), [undefined, 'no-cache', undefined])
    }))
})

describe('a pull is not held up', { concurrency: 6 }, () => {
  const endless = contentOf({ bytes: Buffer.alloc(1000, 0x20), times: 1e9 })
  const slow = { bytes: 1, everyMs: 50 }
  const never = (answer: Partial<Answer>): steps.Step => {
    return () => anAnswer({ framing: 'chunked', body: endless, ...answer })
  }
  const BODIES: Readonly<Record<string, Partial<Answer>>> = { 'has no end': {}, trickles: { pace: slow } }

  for (const [what, body] of Object.entries(BODIES)) {
    for (const kind of ['token', 'manifest', 'blob'] as const) {
      it(`by the page beside an error that ${what}, for a ${kind}`, { timeout: 10_000 }, () =>
        withPull({ ...OPTIONS, registry: { auth: { kind: 'bearer' } } }, async ({ registry, cache }) => {
          if (kind === 'manifest') registry.script({ kind }, steps.normal())
          registry.script({ kind }, never({ status: 500, ...body }))
          await pulled(cache, registry.add(image, 'app', 'v1'))
        }),
      )
    }

    it(`by the page beside a redirect that ${what}`, { timeout: 10_000 }, () =>
      withPull(OPTIONS, async ({ registry, cache }) => {
        const headers = { Location: `/v2/app/blobs/${layer}?there` }
        registry.script({ digest: layer }, never({ status: 307, headers, ...body }))
        await pulled(cache, registry.add(image, 'app', 'v1'))
        assert.equal(registry.blobRequests().get(layer), 2)
      }),
    )
  }

  for (const kind of ['token', 'manifest', 'blob'] as const) {
    it(`by announcements of an answer that never comes, for a ${kind}`, { timeout: 10_000 }, () =>
      withPull({ ...OPTIONS, registry: { auth: { kind: 'bearer' } } }, async ({ registry, cache }) => {
        // No 103 has a body: what is sent as one is the next 103, for ever.
        const hint = Buffer.from('HTTP/1.1 103 Early Hints\r\n\r\n')
        const hints = { status: 103, framing: 'length', headers: { 'Content-Length': '0' } } as const
        const body = contentOf({ bytes: hint, times: 1e6 })
        registry.always({ kind }, never({ ...hints, body, pace: { bytes: hint.length, everyMs: 20 } }))
        await refused(cache, registry.add(image, 'app', 'v1'), 'PROTOCOL_ERROR')
      }),
    )
  }

  for (const kind of ['manifest', 'blob'] as const) {
    it(`by a body without end, for a ${kind}`, { timeout: 10_000 }, () =>
      withPull(OPTIONS, async ({ registry, cache }) => {
        registry.always({ kind }, never({ headers: { 'Content-Type': 'application/vnd.oci.image.index.v1+json' } }))
        const code = kind === 'manifest' ? 'MANIFEST_TOO_LARGE' : 'SIZE_MISMATCH'
        await refused(cache, registry.add(image, 'app', 'v1'), code)
        assert.equal(registry.requestsFor({ kind }).length, kind === 'manifest' ? 1 : 2)
      }),
    )
  }
})

describe('a layer that was cut off goes on', { concurrency: 6 }, () => {
  const CUT = 90_000
  const part = (answer: Answer, range: string): Answer =>
    steps.contentRange(range)(answer, undefined as never) as Answer
  /** Answers to the Range that follows. RELIABILITY section 6, rows 14 to 18. */
  const ANSWERS: Readonly<Record<string, { readonly step: steps.Step; readonly requests: number }>> = {
    'from where it was': { step: steps.normal(), requests: 2 },
    'when the server ignores the range': { step: steps.ignoreRange(), requests: 2 },
    'when the range begins elsewhere': { step: (answer) => part(answer, 'bytes 0-199999/200000'), requests: 3 },
    'when the range is of another blob': { step: (answer) => part(answer, 'bytes 90000-199999/300000'), requests: 3 },
    'when the range is of unknown size': { step: (answer) => part(answer, 'bytes 90000-199999/*'), requests: 3 },
    'when the range ends early': { step: (answer) => part(answer, 'bytes 90000-100000/200000'), requests: 3 },
    'when the range is not named': { step: steps.contentRange(undefined), requests: 3 },
    'when the range comes in several parts': {
      step: steps.withHeaders({ 'Content-Type': 'multipart/byteranges; boundary=x', 'Content-Range': undefined }),
      requests: 3,
    },
    'when the range is refused': { step: steps.fail(416, 'RANGE_INVALID'), requests: 3 },
    'when it changed in between': { step: steps.wrongByte(0), requests: 3 },
    'when it is cut off again': { step: steps.finAfter(50_000), requests: 3 },
  }
  for (const [what, { step, requests }] of Object.entries(ANSWERS)) {
    it(what, () =>
      withPull({ ...OPTIONS, retry: { retries: 2 } }, async ({ registry, cache }) => {
        const name = registry.add(large, 'app', 'v1')
        registry.script({ digest: largeLayer }, steps.finAfter(CUT), step)
        await pulled(cache, name)
        assert.deepEqual(await soundBlobs(cache), digestsOf(large, ['linux/amd64']))
        assert.equal(registry.blobRequests().get(largeLayer), requests)
        assert.equal(rangesOf(registry)[1], `bytes=${CUT}-`)
      }),
    )
  }

  it('after a captive portal, which does not cost what is here', () =>
    withPull({ ...OPTIONS, retry: { retries: 2 } }, async ({ registry, cache }) => {
      const name = registry.add(large, 'app', 'v1')
      registry.script({ digest: largeLayer }, steps.finAfter(CUT), steps.captivePortal())
      await refused(cache, name, 'SIZE_MISMATCH')
      await pulled(cache, name)
      assert.deepEqual(await soundBlobs(cache), digestsOf(large, ['linux/amd64']))
      assert.deepEqual(rangesOf(registry), [undefined, `bytes=${CUT}-`, `bytes=${CUT}-`])
    }))

  function rangesOf(registry: RawRegistry): readonly (string | undefined)[] {
    return registry.requestsFor({ digest: largeLayer }).map(({ headers }) => headers.range)
  }
})
