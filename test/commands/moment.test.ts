import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseMoment } from '../../src/commands/moment.js'

const NOW = Date.parse('2026-03-04T05:06:07.890Z')
const parsed = (text: string) => parseMoment(text, NOW)

describe('a moment', () => {
  it('is a position', () => {
    assert.deepEqual([parsed('0'), parsed('57'), parsed('2026')], [0, 57, 2026])
  })

  it('is how long ago', () => {
    assert.deepEqual(parsed('1d12h'), new Date('2026-03-02T17:06:07.890Z'))
    assert.deepEqual(parsed('0s'), new Date(NOW))
  })

  const times: readonly [string, string][] = [
    ['2026-01-02T03:04Z', '2026-01-02T03:04:00.000Z'],
    ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05.000Z'],
    ['2026-01-02T03:04:05.678Z', '2026-01-02T03:04:05.678Z'],
    ['2026-01-02 03:04:05.5+01:00', '2026-01-02T02:04:05.500Z'],
    ['2024-02-29T00:00-05:30', '2024-02-29T05:30:00.000Z'],
  ]
  for (const [text, iso] of times) it(`is ${iso} for ${text}`, () => assert.deepEqual(parsed(text), new Date(iso)))

  it('is a time of this machine without a zone, and its first minute for a date', () => {
    assert.deepEqual(parsed('2026-01-02 03:04'), new Date(2026, 0, 2, 3, 4))
    assert.deepEqual(parsed('2026-01-02'), new Date(2026, 0, 2))
  })

  const none = ['', '-1', '1.5', '99999999999999999999', 'now', 'yesterday', '2026-1-2', '2026-02-30', '2026-13-01']
  for (const text of [
    ...none,
    '2026-02-30T00:00Z',
    '2026-01-02T',
    '2026-01-02T25:00',
    '2026-01-02T03:04:05.6789Z',
    '7D',
    '14500000w',
  ]) {
    it(`is not ${JSON.stringify(text)}`, () => assert.equal(parsed(text), undefined))
  }
})
