import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseHttpDate, retryAfterMs } from '../../src/registry/retry-after.js'

const NOW = Date.UTC(2026, 5, 1, 12, 0, 0)
const http = (ms: number): string => new Date(ms).toUTCString()

describe('retryAfterMs', () => {
  it('reads seconds', () => {
    assert.equal(retryAfterMs({ 'retry-after': '7' }, NOW), 7000)
    assert.equal(retryAfterMs({ 'retry-after': ' 120 ' }, NOW), 120_000)
  })

  it('reads a date relative to the response, not to this clock', () => {
    for (const serverNow of [NOW, NOW - 315_360_000_000, NOW + 315_360_000_000]) {
      const headers = { date: http(serverNow), 'retry-after': http(serverNow + 30_000) }
      assert.equal(retryAfterMs(headers, NOW), 30_000)
    }
  })

  it('takes this clock when the response has no date, or a bad one', () => {
    assert.equal(retryAfterMs({ 'retry-after': http(NOW + 5000) }, NOW), 5000)
    assert.equal(retryAfterMs({ date: 'yesterday', 'retry-after': http(NOW + 5000) }, NOW), 5000)
  })

  it('gives a far future as it is: how long to wait at most is not decided here', () => {
    const date = http(NOW)
    assert.equal(retryAfterMs({ date, 'retry-after': http(NOW + 86_400_000_000) }, NOW), 86_400_000_000)
  })

  it('gives nothing for now, for the past, and for what cannot be read', () => {
    const date = http(NOW)
    for (const value of [
      '0',
      http(NOW),
      http(NOW - 1000),
      '-5',
      '1.5',
      'soon',
      '',
      '1e3',
      '9'.repeat(40),
      '2026-06-01',
    ]) {
      assert.equal(retryAfterMs({ date, 'retry-after': value }, NOW), undefined, value)
    }
    assert.equal(retryAfterMs({}, NOW), undefined)
  })

  it('gives nothing when the server says two things, and one when it says one twice', () => {
    assert.equal(retryAfterMs({ 'retry-after': ['7', '9'] }, NOW), undefined)
    assert.equal(retryAfterMs({ 'retry-after': ['7', '7'] }, NOW), 7000)
  })
})

describe('parseHttpDate', () => {
  const expected = Date.UTC(2026, 10, 6, 8, 49, 37)
  for (const text of ['Fri, 06 Nov 2026 08:49:37 GMT', 'Friday, 06-Nov-26 08:49:37 GMT', 'Fri Nov  6 08:49:37 2026']) {
    it(`reads ${text}`, () => assert.equal(parseHttpDate(text), expected))
  }
  for (const text of [
    'Fri, 06 Foo 2026 08:49:37 GMT',
    'Fri, 32 Nov 2026 08:49:37 GMT',
    'Fri, 00 Nov 2026 08:49:37 GMT',
    'Fri, 06 Nov 2026 24:49:37 GMT',
    'Fri, 06 Nov 2026 08:60:37 GMT',
    'Fri Nov 32 08:49:37 2026',
    '06 Nov 2026',
    'Fri, 06 Nov 2026 08:49:37 CET',
    '1',
    '',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.ok(Number.isNaN(parseHttpDate(text))))
  }
})
