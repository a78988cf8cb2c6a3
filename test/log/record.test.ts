import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { EMPTY_HEAD } from '../../src/log/events.js'
import { checkFollows, encodeRecord, headOf, isIntact, seal } from '../../src/log/record.js'
import { decodeRecord } from '../../src/log/upcast.js'
import { aDescriptorOf, aLog, blobCommitted, blobRemoved, referenceSet } from '../support/a-log.js'

const STAMP = { id: 'id', at: '2026-01-02T03:04:05.678Z' }

describe('a record', () => {
  it('takes the position after the head, and names the head as its predecessor', () => {
    const recorded = seal(blobRemoved('a'), { position: 41, checksum: 'c' }, STAMP)
    assert.equal(recorded.position, 42)
    assert.equal(recorded.previous, 'c')
  })

  it('is the same for the same event, head and stamp', () => {
    assert.deepEqual(seal(blobRemoved('a'), EMPTY_HEAD, STAMP), seal(blobRemoved('a'), EMPTY_HEAD, STAMP))
  })

  it('has another checksum when anything about it is different', () => {
    const checksums = [
      seal(blobRemoved('a'), EMPTY_HEAD, STAMP),
      seal(blobRemoved('b'), EMPTY_HEAD, STAMP),
      seal(blobRemoved('a'), { position: 0, checksum: 'x' }, STAMP),
      seal(blobRemoved('a'), { position: 1, checksum: '' }, STAMP),
      seal(blobRemoved('a'), EMPTY_HEAD, { ...STAMP, id: 'other' }),
      seal(blobRemoved('a'), EMPTY_HEAD, { ...STAMP, at: 'other' }),
    ].map(({ checksum }) => checksum)
    assert.equal(new Set(checksums).size, checksums.length)
  })

  it('is intact as it is stored, and reads back the same', () => {
    for (const recorded of hardCases()) {
      const text = encodeRecord(recorded)
      assert.ok(isIntact(text))
      assert.deepEqual(decodeRecord(text), recorded)
    }
  })

  it('is not intact when any single byte of it changed', () => {
    const bytes = Buffer.from(encodeRecord(seal(referenceSet('app:1'), EMPTY_HEAD, STAMP)))
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes)
      damaged[at] = (damaged[at] ?? 0) ^ 1
      assert.equal(isIntact(damaged.toString()), false, `byte ${at}`)
    }
  })

  it('is not intact when it was cut or extended', () => {
    const text = encodeRecord(seal(referenceSet('app:1'), EMPTY_HEAD, STAMP))
    for (let end = 0; end < text.length; end++) assert.equal(isIntact(text.slice(0, end)), false, `cut at ${end}`)
    assert.equal(isIntact(`${text} `), false)
    assert.equal(isIntact(` ${text}`), false)
  })
})

describe('a chain', () => {
  const [first, second, third] = aLog(blobRemoved('a'), blobRemoved('b'), blobRemoved('c'))
  assert.ok(first && second && third)

  it('accepts each record after its predecessor alone', () => {
    checkFollows(first, EMPTY_HEAD)
    checkFollows(second, headOf(first))
    for (const [recorded, head] of [
      [second, EMPTY_HEAD],
      [third, headOf(first)],
      [first, headOf(first)],
      [second, { ...headOf(first), checksum: third.checksum }],
    ] as const) {
      assert.throws(
        () => checkFollows(recorded, head),
        (error) => isHearthError(error, 'LOG_CORRUPT'),
      )
    }
  })
})

/** Values on which a canonical form can stumble. */
function hardCases() {
  const annotations = { b: '', 2: 'x', 10: 'y', a: '\u2028\ud800"\\', ['__proto__']: 'own' }
  return aLog(
    blobCommitted('a', { mtimeMs: 1_722_222_222_222.123 }),
    blobCommitted('b', { mtimeMs: 1e21 }),
    referenceSet('Ünï:1', { descriptor: aDescriptorOf('a', { annotations }) }),
    referenceSet('","checksum":"', { platforms: [] }),
  )
}
