import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { totalsOf } from '../../src/commands/progress-totals.js'
import { applyProgress, newProgressView, type ProgressView } from '../../src/commands/progress-view.js'
import type { Failure, ProgressEvent } from '../../src/index.js'
import { digestBytes } from '../../src/oci/hasher.js'

const a = await digestBytes(Buffer.from('a'))
const b = await digestBytes(Buffer.from('b'))
const host = 'registry.example.com'
const failure: Failure = { code: 'TOOMANYREQUESTS', message: 'slow down', details: { host } }
const planned = (image: string, bytes: number): ProgressEvent => ({
  type: 'image-planned',
  image,
  blobs: 1,
  bytes,
  presentBytes: 0,
})

/** Folds events, each at its time. */
function fold(images: number, ...events: readonly (readonly [number, ProgressEvent])[]): ProgressView {
  const view = newProgressView(images, 0)
  for (const [atMs, event] of events) applyProgress(view, event, atMs)
  return view
}

describe('the view of a pull', () => {
  it('learns from the job how many images there are', () => {
    const view = newProgressView(0, 0)
    applyProgress(view, { type: 'job-started', images: 200 }, 0)
    assert.equal(view.images, 200)
  })

  it('counts images that are done and failed', () => {
    const view = fold(
      3,
      [0, { type: 'image-started', image: 'x' }],
      [1, { type: 'image-resolved', image: 'x', digest: a }],
      [2, { type: 'image-done', image: 'x', digest: a, fetchedBytes: 0 }],
      [3, { type: 'image-failed', image: 'y', failure }],
    )
    assert.deepEqual([view.images, view.done, view.failed], [3, 1, 1])
  })

  it('follows a blob from start to end', () => {
    const view = fold(1, [0, planned('x', 100)], [0, { type: 'blob-started', digest: a, size: 100, host }])
    assert.deepEqual(view.blobs.get(a), { digest: a, size: 100, bytes: 0, host })
    applyProgress(view, { type: 'blob-progress', digest: a, size: 100, bytes: 40 }, 10)
    assert.deepEqual(view.blobs.get(a), { digest: a, size: 100, bytes: 40, host, firstBytes: 40 })
    assert.equal(totalsOf(view, 10).bytes, 40)
    applyProgress(view, { type: 'blob-done', digest: a, size: 100, resumedBytes: 0 }, 20)
    assert.equal(view.blobs.size, 0)
    const { bytes, totalBytes } = totalsOf(view, 20)
    assert.deepEqual([bytes, totalBytes], [100, 100])
  })

  it('shows a wait and a retry until bytes move again', () => {
    const view = fold(1, [0, { type: 'blob-waiting', digest: a, for: 'another-process' }])
    assert.deepEqual(view.blobs.get(a)?.pause, { kind: 'another-process' })
    applyProgress(view, { type: 'blob-started', digest: a, size: 9, host }, 1)
    assert.equal(view.blobs.get(a)?.pause, undefined)
    applyProgress(view, { type: 'blob-retry', digest: a, attempt: 2, delayMs: 500, failure }, 100)
    assert.deepEqual(view.blobs.get(a)?.pause, { kind: 'retry', attempt: 2, untilMs: 600, failure })
    applyProgress(view, { type: 'blob-progress', digest: a, size: 9, bytes: 1 }, 700)
    assert.equal(view.blobs.get(a)?.pause, undefined)
  })

  it('forgets a blob that was given up', () => {
    const view = fold(
      1,
      [0, { type: 'blob-started', digest: a, size: 9, host }],
      [1, { type: 'blob-failed', digest: a, failure }],
    )
    assert.equal(view.blobs.size, 0)
    assert.equal(totalsOf(view, 1).bytes, 0)
  })

  it('shows the retry of an image until that image goes on', () => {
    const retry: ProgressEvent = { type: 'request-retry', image: 'x', attempt: 1, delayMs: 50, failure }
    for (const next of [
      planned('x', 1),
      { type: 'image-resolved', image: 'x', digest: a },
      { type: 'image-failed', image: 'x', failure },
      { type: 'image-done', image: 'x', digest: a, fetchedBytes: 0 },
    ] satisfies ProgressEvent[]) {
      const view = fold(1, [10, retry])
      assert.deepEqual(view.retries.get('x'), { kind: 'retry', attempt: 1, untilMs: 60, failure })
      applyProgress(view, next, 70)
      assert.equal(view.retries.size, 0, next.type)
    }
  })

  it('counts a blob that two images share once, as soon as both are done', () => {
    const view = fold(2, [0, planned('x', 100)], [0, planned('y', 130)])
    assert.equal(totalsOf(view, 0).totalBytes, 230)
    applyProgress(view, { type: 'image-done', image: 'x', digest: a, fetchedBytes: 100 }, 1)
    applyProgress(view, { type: 'image-done', image: 'y', digest: b, fetchedBytes: 30 }, 2)
    assert.equal(totalsOf(view, 2).totalBytes, 130)
  })

  it('does not expect any more what a failed image wanted', () => {
    const view = fold(
      2,
      [0, planned('x', 100)],
      [0, planned('y', 7)],
      [1, { type: 'image-failed', image: 'x', failure }],
    )
    assert.equal(totalsOf(view, 1).totalBytes, 7)
  })

  it('takes the newer plan of an image that is planned twice', () => {
    assert.equal(totalsOf(fold(1, [0, planned('x', 100)], [1, planned('x', 40)]), 1).totalBytes, 40)
  })

  it('counts resumed bytes as done although nobody fetched them now', () => {
    const view = fold(
      2,
      [0, planned('x', 100)],
      [0, planned('y', 10)],
      [0, { type: 'blob-started', digest: a, size: 100, host }],
      [1, { type: 'blob-done', digest: a, size: 100, resumedBytes: 60 }],
      [2, { type: 'image-done', image: 'x', digest: a, fetchedBytes: 40 }],
    )
    const { bytes, totalBytes } = totalsOf(view, 2)
    assert.deepEqual([bytes, totalBytes], [100, 110])
  })

  it('never has done more than there is', () => {
    const view = fold(1, [0, { type: 'blob-done', digest: a, size: 5, resumedBytes: 0 }])
    assert.equal(totalsOf(view, 0).totalBytes, 5)
  })
})

describe('the rate of a pull', () => {
  const steadily = (bytesPerSecond: number, seconds: number): ProgressView => {
    const size = 1_000_000
    const view = fold(
      1,
      [0, planned('x', size)],
      [0, { type: 'blob-started', digest: a, size, host }],
      [0, { type: 'blob-progress', digest: a, size, bytes: 0 }],
    )
    for (let atMs = 100; atMs <= seconds * 1000; atMs += 100) {
      const bytes = (bytesPerSecond * atMs) / 1000
      applyProgress(view, { type: 'blob-progress', digest: a, size, bytes }, atMs)
    }
    return view
  }

  it('is unknown at the start', () => {
    assert.deepEqual(totalsOf(newProgressView(1, 50), 50), { bytes: 0, totalBytes: 0, bytesPerSecond: 0 })
  })

  it('is that of the last seconds, and gives the time left', () => {
    const { bytesPerSecond, remainingMs } = totalsOf(steadily(50_000, 10), 10_000)
    assert.equal(bytesPerSecond, 50_000)
    assert.equal(remainingMs, 10_000)
  })

  it('falls to nothing when nothing comes, and then promises no time', () => {
    const view = steadily(50_000, 10)
    const { bytesPerSecond: soon } = totalsOf(view, 12_000)
    assert.ok(soon > 0 && soon < 50_000)
    const { bytesPerSecond, remainingMs } = totalsOf(view, 16_000)
    assert.deepEqual([bytesPerSecond, remainingMs], [0, undefined])
  })

  it('leaves out bytes that an earlier run had left', () => {
    const size = 1000
    const view = fold(
      1,
      [0, { type: 'blob-started', digest: a, size, host }],
      [100, { type: 'blob-progress', digest: a, size, bytes: 900 }],
      [200, { type: 'blob-progress', digest: a, size, bytes: 950 }],
      [1000, { type: 'blob-done', digest: a, size, resumedBytes: 880 }],
    )
    assert.equal(view.received.bytes, 120)
    assert.equal(totalsOf(view, 1000).bytesPerSecond, 120)
  })

  it('counts small blobs that end before any progress was told', () => {
    const view = fold(
      1,
      [0, { type: 'blob-started', digest: a, size: 700, host }],
      [100, { type: 'blob-done', digest: a, size: 700, resumedBytes: 0 }],
    )
    assert.equal(view.received.bytes, 700)
  })

  it('leaves out what another process fetched', () => {
    const view = fold(
      1,
      [0, { type: 'blob-waiting', digest: a, for: 'another-process' }],
      [100, { type: 'blob-done', digest: a, size: 700, resumedBytes: 0 }],
    )
    assert.equal(view.received.bytes, 0)
  })

  it('does not fall below nothing when a download starts over', () => {
    const size = 1000
    const view = fold(
      1,
      [0, { type: 'blob-started', digest: a, size, host }],
      [1, { type: 'blob-progress', digest: a, size, bytes: 500 }],
      [2, { type: 'blob-progress', digest: a, size, bytes: 10 }],
    )
    assert.equal(view.received.bytes, 0)
    assert.equal(totalsOf(view, 2).bytes, 10)
  })

  it('keeps few samples however long it runs', () => {
    assert.ok(steadily(1, 600).received.samples.length < 40)
  })
})
