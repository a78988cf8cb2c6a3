import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseBytes, parseDuration } from '../../src/commands/quantities.js'

const KIB = 1024
const SECOND = 1000
const HOUR = 3600 * SECOND
const DAY = 24 * HOUR

describe('a size', () => {
  const sizes: readonly [string, number][] = [
    ['0', 0],
    ['1048576', 1_048_576],
    ['17B', 17],
    ['20GiB', 20 * KIB ** 3],
    ['20 GiB', 20 * KIB ** 3],
    ['500MB', 500_000_000],
    ['500mb', 500_000_000],
    ['1kB', 1000],
    ['1KiB', KIB],
    ['1.5GiB', 1.5 * KIB ** 3],
    ['0.1kB', 100],
    ['1TiB', KIB ** 4],
    ['2PB', 2e15],
  ]
  for (const [text, bytes] of sizes) it(`is ${bytes} for ${text}`, () => assert.equal(parseBytes(text), bytes))

  const none = ['', ' ', '20G', '20k', 'GiB', '-1', '+1', '1e3', '1.5', '.5GB', '5.GB', '1,5GB', '0x10', '20 GiB ']
  for (const text of [
    ...none,
    '20  GiB',
    ' 20GiB',
    '20GiBs',
    '20YB',
    '9007199254740992',
    '9PB 1',
    'Infinity',
    '20\nGB',
  ]) {
    it(`is not ${JSON.stringify(text)}`, () => assert.equal(parseBytes(text), undefined))
  }
})

describe('a duration', () => {
  const durations: readonly [string, number][] = [
    ['0s', 0],
    ['30s', 30 * SECOND],
    ['90m', 90 * 60 * SECOND],
    ['12h', 12 * HOUR],
    ['7d', 7 * DAY],
    ['2w', 14 * DAY],
    ['1d12h', 36 * HOUR],
    ['1w2d3h4m5s', 9 * DAY + 3 * HOUR + 245 * SECOND],
  ]
  for (const [text, ms] of durations) it(`is ${ms} ms for ${text}`, () => assert.equal(parseDuration(text), ms))

  const none = ['', '7', 'd', '-7d', '1.5h', '12h1d', '1d1d', '7D', '7 d', '5ms', '7days', '1y', ' 7d', '7d ', '7d\n']
  for (const text of [...none, '99999999999w']) {
    it(`is not ${JSON.stringify(text)}`, () => assert.equal(parseDuration(text), undefined))
  }
})
