import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { bar, frame, headline, keptText } from '../../src/commands/progress-frame.js'
import { applyProgress, newProgressView, type ProgressView } from '../../src/commands/progress-view.js'
import type { Failure, ProgressEvent } from '../../src/index.js'
import { digestBytes } from '../../src/oci/hasher.js'

const MIB = 1024 * 1024
const digests = await Promise.all(['a', 'b', 'c', 'd'].map((text) => digestBytes(Buffer.from(text))))
const [a, b, c, d] = digests as [(typeof digests)[0], (typeof digests)[0], (typeof digests)[0], (typeof digests)[0]]
const host = 'registry.example.com'
const failure: Failure = { code: 'TOOMANYREQUESTS', message: 'slow\u001bdown', details: { host } }

function aView(...events: readonly ProgressEvent[]): ProgressView {
  const view = newProgressView(3, 0)
  for (const event of events) applyProgress(view, event, 0)
  return view
}
const plan: ProgressEvent = { type: 'image-planned', image: 'x', blobs: 2, bytes: 40 * MIB, presentBytes: 0 }
const started = (digest: typeof a): ProgressEvent => ({ type: 'blob-started', digest, size: 20 * MIB, host })
const progress = (digest: typeof a, bytes: number): ProgressEvent => ({
  type: 'blob-progress',
  digest,
  size: 20 * MIB,
  bytes,
})

describe('the headline', () => {
  it('counts images alone while nothing is known', () => {
    assert.equal(headline(newProgressView(1, 0), 0), '0/1 image')
  })

  it('tells images, failures, bytes, rate and time left', () => {
    const view = aView(plan, started(a), progress(a, 0), { type: 'image-failed', image: 'y', failure })
    applyProgress(view, progress(a, 10 * MIB), 1000)
    assert.equal(headline(view, 1000), '0/3 images, 1 failed, 10.0 MiB of 40.0 MiB, 10.0 MiB/s, 3.0 s left')
  })
})

describe('the frame', () => {
  it('says which hosts ask to wait or cannot be reached, and for how long still', () => {
    const view = aView(
      { type: 'host-paused', host: 'a.example', delayMs: 12_000, reason: 'asked' },
      { type: 'host-paused', host: 'b\u001b.example', delayMs: 4000, reason: 'unreachable' },
    )
    const texts = ['a.example asks to wait 11 s', 'b\\u001b.example cannot be reached, asked again in 3.0 s']
    assert.deepEqual(
      frame(view, 1000, 24).slice(1),
      texts.map((text) => `  ${text}`),
    )
    assert.deepEqual(frame(view, 1000, 1), [`0/3 images, ${texts.join(', ')}`])
    assert.deepEqual(frame(view, 12_000, 24), ['0/3 images'])
  })

  it('names the last three that failed', () => {
    const failed = ['v', 'w', 'x', 'y'].map((image): ProgressEvent => ({ type: 'image-failed', image, failure }))
    assert.deepEqual(frame(aView(...failed), 0, 24).slice(1), [
      '  w  failed: TOOMANYREQUESTS',
      '  x  failed: TOOMANYREQUESTS',
      '  y  failed: TOOMANYREQUESTS',
    ])
  })

  const view = aView(
    plan,
    started(a),
    progress(a, 5 * MIB),
    started(b),
    { type: 'blob-retry', digest: b, attempt: 2, delayMs: 3200, failure },
    { type: 'blob-waiting', digest: c, for: 'another-process', pid: 4711 },
    { type: 'request-retry', image: 'docker.io/library/y:1', attempt: 1, delayMs: 500, failure },
  )

  it('has a line for each blob under way, with bar, wait or retry, and for each image that waits', () => {
    assert.deepEqual(frame(view, 200, 24).slice(1), [
      `  ${a.slice(0, 19)}  [=====>              ]  25%  5.0 MiB of 20.0 MiB  ${host}`,
      `  ${b.slice(0, 19)}  retry 2 in 3.0 s: TOOMANYREQUESTS: slow\\u001bdown (${host})`,
      `  ${c.slice(0, 19)}  waiting for process 4711, which fetches it`,
      `  docker.io/library/y:1  retry 1 in 0.3 s: TOOMANYREQUESTS: slow\\u001bdown (${host})`,
    ])
  })

  it('counts a retry that is due down to zero, not below', () => {
    assert.match(frame(view, 60_000, 24)[2] ?? '', /retry 2 in 0\.0 s/)
  })

  it('never has more lines than it may, and says how many are hidden', () => {
    assert.equal(frame(view, 0, 5).length, 5)
    assert.deepEqual(
      frame(view, 0, 4).map((line) => line.slice(0, 21)),
      [headline(view, 0).slice(0, 21), `  ${a.slice(0, 19)}`, `  ${b.slice(0, 19)}`, '  … and 2 more'],
    )
    assert.deepEqual(frame(view, 0, 2), [headline(view, 0), '  … and 4 more'])
    assert.deepEqual(frame(view, 0, 1), [headline(view, 0)])
    assert.deepEqual(frame(view, 0, 0), [headline(view, 0)])
  })

  it('shows an empty blob as complete', () => {
    const empty = aView({ type: 'blob-started', digest: d, size: 0, host })
    assert.match(frame(empty, 0, 2)[1] ?? '', /\[={20}\] 100%/)
  })
})

describe('the bar', () => {
  it('is as long for every share, and full only at the end', () => {
    assert.equal(bar(0, 4), '[>   ]')
    assert.equal(bar(0.5, 4), '[==> ]')
    assert.equal(bar(0.99, 4), '[===>]')
    assert.equal(bar(1, 4), '[====]')
    assert.equal(bar(7, 4), '[====]')
    assert.equal(bar(-1, 4), '[>   ]')
  })
})

describe('what a stopped pull keeps', () => {
  it('counts finished blobs and the parts of others', () => {
    const view = aView(
      plan,
      started(a),
      { type: 'blob-done', digest: a, size: 20 * MIB, resumedBytes: 0 },
      started(b),
      progress(b, 4 * MIB),
    )
    assert.equal(keptText(view), '0 of 3 images complete, 24.0 MiB of downloads kept for the next time')
  })
})
