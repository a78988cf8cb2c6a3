import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import {
  EMPTY_SUMMARY,
  HIGHEST_KEY,
  LOWEST_KEY,
  openSummary,
  openValue,
  parseTableKey,
  recordKey,
  sealOf,
  sealSummary,
  sealValue,
  TABLES,
  tableKey,
  tableRange,
} from '../../src/log/level-format.js'
import { aDigest } from '../support/a-log.js'

describe('the keys of the database', () => {
  it('sort records by position', () => {
    const positions = [1, 9, 10, 15, 16, 255, 256, 99_999, 100_000, 2 ** 32, Number.MAX_SAFE_INTEGER]
    assert.deepEqual(positions.map(recordKey).sort(), positions.map(recordKey))
  })

  it('lie between the two heads, each table within its range and no other', () => {
    const keys = {
      blobs: tableKey('blobs', aDigest('a')),
      references: tableKey('references', '\uffff'),
      pins: tableKey('pins', '\uffff'),
      archives: tableKey('archives', 7),
      removals: tableKey('removals', 7),
      flushes: tableKey('flushes', '11111111-2222'),
    }
    for (const key of [recordKey(1), ...Object.values(keys)]) assert.ok(LOWEST_KEY < key && key < HIGHEST_KEY)
    for (const table of TABLES) {
      const { gt, lt } = tableRange(table)
      for (const other of TABLES) assert.equal(gt < keys[other] && keys[other] < lt, table === other)
      assert.ok(!(gt < recordKey(1) && recordKey(1) < lt))
    }
  })

  it('give back what they were made of', () => {
    assert.equal(parseTableKey('blobs', tableKey('blobs', aDigest('a'))), aDigest('a'))
    assert.equal(parseTableKey('removals', tableKey('removals', 4711)), 4711)
    assert.equal(parseTableKey('archives', tableKey('archives', 4711)), 4711)
    for (const name of ['app:1', '', '!"', '\ud800', '\udfff', '\u0000']) {
      const key = tableKey('references', name)
      assert.equal(parseTableKey('references', key), name)
      assert.equal(parseTableKey('pins', tableKey('pins', name)), name)
      assert.equal(Buffer.from(key).toString(), key, 'it survives UTF-8')
    }
  })
})

describe('a sealed value', () => {
  it('opens as what it was', () => {
    for (const value of [{ a: 1 }, [], null, 'ü', 0]) assert.deepEqual(openValue('k', sealValue('k', value)), value)
  })

  it('does not open when any bit of it changed', () => {
    const bytes = Buffer.from(sealValue('key', { size: 1, name: 'app' }))
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = Buffer.from(bytes)
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      // Only the case of a hexadecimal digit may differ: it is the same number.
      if (damaged.toString().toLowerCase() === bytes.toString().toLowerCase() && bit >> 3 < 8) continue
      assert.throws(() => openValue('key', damaged.toString()), corrupt, `bit ${bit}`)
    }
  })

  it('does not open under another key', () => {
    assert.throws(() => openValue('b', sealValue('a', 1)), corrupt)
    assert.throws(() => openValue('a', ''), corrupt)
  })

  it('adds nothing to a sum when it is not there', () => {
    assert.equal(sealOf(undefined), 0)
    assert.notEqual(sealOf(sealValue('a', 1)), sealOf(sealValue('b', 1)))
  })
})

describe('the summary', () => {
  const [lowest, highest] = [LOWEST_KEY, HIGHEST_KEY].map((key) => sealSummary(key, EMPTY_SUMMARY))

  it('opens when both copies agree', () => {
    assert.deepEqual(openSummary(lowest, highest), EMPTY_SUMMARY)
  })

  it('does not open when a copy is missing, in the wrong place, or older', () => {
    const newer = sealSummary(HIGHEST_KEY, { ...EMPTY_SUMMARY, head: { position: 1, checksum: 'x' } })
    for (const copies of [
      [undefined, highest],
      [lowest, undefined],
      [undefined, undefined],
      [highest, lowest],
      [lowest, newer],
    ]) {
      assert.throws(() => openSummary(copies[0], copies[1]), corrupt)
    }
  })
})

function corrupt(error: unknown): boolean {
  return isHearthError(error, 'LOG_CORRUPT')
}
