import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { jsonDisplay, messageLines } from '../../src/commands/progress-json.js'
import { newProgressView } from '../../src/commands/progress-view.js'
import { pullProgress } from '../../src/commands/pull-progress.js'
import type { ProgressEvent } from '../../src/index.js'
import { digestBytes } from '../../src/oci/hasher.js'

const digest = await digestBytes(Buffer.from('a'))
const bytes = (so: number): ProgressEvent => ({ type: 'blob-progress', digest, size: 100, bytes: so })

/** One that began at 1970-01-01T00:01:00Z. */
function aDisplay() {
  return jsonDisplay(pullProgress(newProgressView(2, 0)), 60_000)
}

describe('progress as JSON lines', () => {
  it('has each event with the time, as it is', () => {
    const line = aDisplay().event({ type: 'host-paused', host: 'a.example', delayMs: 12_000, reason: 'asked' }, 1500)
    assert.ok(line.endsWith('}\n'))
    assert.deepEqual(JSON.parse(line), {
      at: '1970-01-01T00:01:01.500Z',
      ...{ type: 'host-paused', host: 'a.example', delayMs: 12_000, reason: 'asked' },
    })
  })

  it('tells of the bytes of a blob once a second', () => {
    const display = aDisplay()
    const told = [0, 400, 999, 1000, 1001].map((nowMs) => display.event(bytes(nowMs / 20), nowMs) !== '')
    assert.deepEqual(told, [true, false, false, true, false])
  })

  it('has the totals every second, and once more at the end', () => {
    const display = aDisplay()
    assert.equal(display.tick(0), '')
    display.event({ type: 'job-started', images: 7 }, 0)
    display.event({ type: 'image-planned', image: 'x', blobs: 1, bytes: 100, presentBytes: 0 }, 0)
    display.event(bytes(0), 0)
    display.event(bytes(50), 1000)
    assert.equal(display.tick(900), '')
    const { at: _, ...totals } = JSON.parse(display.tick(1000))
    assert.deepEqual(totals, {
      type: 'job-progress',
      ...{ images: 7, done: 0, failed: 0, bytes: 50, totalBytes: 100, bytesPerSecond: 50, remainingMs: 1000 },
    })
    assert.equal(JSON.parse(display.end()).type, 'job-progress')
    assert.equal(display.end(), '')
  })

  it('is harmless on a terminal', () => {
    const failure = { code: 'TIMEOUT', message: 'slow\u001b[2J', details: {} } as const
    const line = aDisplay().event({ type: 'image-failed', image: 'x\u202ey', failure }, 0)
    assert.match(line, /^[\x20-\x7e]+\n$/)
    assert.equal(JSON.parse(line).failure.message, 'slow\u001b[2J')
  })

  it('has messages of the command as lines of their own', () => {
    assert.deepEqual(
      messageLines(['hearth: stopped']).map((line) => JSON.parse(line)),
      [{ type: 'message', text: 'hearth: stopped' }],
    )
  })
})
