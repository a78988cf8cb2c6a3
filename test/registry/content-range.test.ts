import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { checkContentRange, parseContentRange } from '../../src/registry/content-range.js'
import { WHERE } from './support-wire.js'

describe('parseContentRange', () => {
  it('reads a part of a body of known length', () => {
    assert.deepEqual(parseContentRange('bytes 5-9/10'), { first: 5, last: 9, total: 10 })
    assert.deepEqual(parseContentRange('Bytes 0-0/1'), { first: 0, last: 0, total: 1 })
    assert.deepEqual(parseContentRange('bytes 1-9007199254740990/9007199254740991'), {
      first: 1,
      last: Number.MAX_SAFE_INTEGER - 1,
      total: Number.MAX_SAFE_INTEGER,
    })
  })

  for (const text of [
    ...['bytes 5-9/*', 'bytes */10', 'bytes 5-/10', 'bytes -5/10', 'bytes 9-5/10', 'bytes 5-10/10', 'bytes=5-9/10'],
    ...['5-9/10', 'items 5-9/10', 'bytes  5-9/10', 'bytes 5-9/10, bytes 5-9/10', 'bytes +5-9/10', 'bytes 0x5-9/10'],
    ...['bytes 5-9/9007199254740993', 'bytes 5-9/99999999999999999999', 'bytes 5.0-9/10', 'bytes 5 - 9/10', ''],
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(parseContentRange(text), undefined))
  }
})

describe('checkContentRange', () => {
  const asked = { offset: 100, end: 1000, size: 1000 }

  it('accepts exactly what was asked for', () => {
    checkContentRange('bytes 100-999/1000', asked, WHERE)
    checkContentRange(['bytes 100-999/1000'], asked, WHERE)
    checkContentRange('bytes 100-199/1000', { ...asked, end: 200 }, WHERE)
  })

  for (const [what, header] of [
    ['a missing header', undefined],
    ['a header twice', ['bytes 100-999/1000', 'bytes 100-999/1000']],
    ['an earlier start', 'bytes 0-999/1000'],
    ['a later start', 'bytes 101-999/1000'],
    ['a short end', 'bytes 100-998/1000'],
    ['another total', 'bytes 100-999/1001'],
    ['an unknown total', 'bytes 100-999/*'],
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => checkContentRange(header, asked, WHERE),
        (error) => isHearthError(error, 'RANGE_INVALID') && error.details.expected === 'bytes 100-999/1000',
      )
    })
  }
})
