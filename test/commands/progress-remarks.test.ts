import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createRemarks } from '../../src/commands/progress-remarks.js'
import type { Failure, ProgressEvent } from '../../src/index.js'
import { digestBytes } from '../../src/oci/hasher.js'

const digest = await digestBytes(Buffer.from('a'))
const short = digest.slice(0, 'sha256:'.length + 12)
const failureAt = (host: string): Failure => ({ code: 'TOOMANYREQUESTS', message: 'slow', details: { host } })
const retry = (host: string): ProgressEvent => ({
  type: 'blob-retry',
  digest,
  attempt: 1,
  delayMs: 2000,
  failure: failureAt(host),
})

describe('remarks', () => {
  it('tell each image that is done or failed', () => {
    const remarks = createRemarks()
    assert.deepEqual(remarks({ type: 'image-done', image: 'a:1', digest, fetchedBytes: 2048 }, 0), [
      'a:1: done, 2.0 KiB fetched',
    ])
    assert.deepEqual(remarks({ type: 'image-failed', image: 'b\u001b', failure: failureAt('h') }, 0), [
      'b\\u001b: failed: TOOMANYREQUESTS',
    ])
  })

  it('tell waits and retries', () => {
    const remarks = createRemarks()
    assert.deepEqual(remarks(retry('h'), 0), [`${short}: retry 1 in 2.0 s: TOOMANYREQUESTS: slow (h)`])
    assert.deepEqual(remarks({ type: 'blob-waiting', digest, for: 'another-process' }, 0), [
      `${short}: waiting for another process that fetches it`,
    ])
    assert.deepEqual(
      createRemarks()({ type: 'request-retry', image: 'a:1', attempt: 3, delayMs: 100, failure: failureAt('h') }, 0),
      ['a:1: retry 3 in 0.1 s: TOOMANYREQUESTS: slow (h)'],
    )
  })

  it('tell the same trouble with the same host once in five seconds', () => {
    const remarks = createRemarks()
    assert.equal(remarks(retry('h'), 0).length, 1)
    assert.equal(remarks(retry('h'), 4999).length, 0)
    assert.equal(remarks(retry('i'), 4999).length, 1)
    assert.equal(remarks(retry('h'), 5000).length, 1)
  })

  it('leave out what only a live view can show', () => {
    const remarks = createRemarks()
    assert.deepEqual(remarks({ type: 'blob-progress', digest, size: 2, bytes: 1 }, 0), [])
    assert.deepEqual(remarks({ type: 'image-started', image: 'a' }, 0), [])
  })
})
