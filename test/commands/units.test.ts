import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { count, formatBytes, formatDuration } from '../../src/commands/units.js'

describe('formatBytes', () => {
  const KIB = 1024
  const MIB = KIB * 1024
  const cases: readonly [number, string][] = [
    [0, '0 B'],
    [1023, '1023 B'],
    [KIB, '1.0 KiB'],
    [1536, '1.5 KiB'],
    [MIB - 1, '1.0 MiB'],
    [3.4 * MIB, '3.4 MiB'],
    [1023.9 * MIB, '1023.9 MiB'],
    [1023.96 * MIB, '1.0 GiB'],
    [5 * MIB * MIB, '5.0 TiB'],
    [Number.MAX_SAFE_INTEGER, '8.0 PiB'],
    [12.4, '12 B'],
  ]
  for (const [bytes, text] of cases) it(`shows ${bytes} bytes as ${text}`, () => assert.equal(formatBytes(bytes), text))
})

describe('formatDuration', () => {
  const cases: readonly [number, string][] = [
    [0, '0.0 s'],
    [340, '0.3 s'],
    [9949, '9.9 s'],
    [9950, '10 s'],
    [59_400, '59 s'],
    [59_600, '1 min 00 s'],
    [125_000, '2 min 05 s'],
    [3_599_600, '1 h 00 min'],
    [3_725_000, '1 h 02 min'],
    [100 * 3_600_000, '100 h 00 min'],
  ]
  for (const [ms, text] of cases) it(`shows ${ms} ms as ${text}`, () => assert.equal(formatDuration(ms), text))
})

describe('count', () => {
  it('has a plural for everything but one', () => {
    assert.deepEqual(
      [0, 1, 2].map((number) => count(number, 'blob')),
      ['0 blobs', '1 blob', '2 blobs'],
    )
  })
})
