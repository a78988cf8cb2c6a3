import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { displayWidth, printable, printableJson, truncate } from '../../src/commands/printable.js'

const ESC = '\u001b'
const CSI = '\u009b'
const RIGHT_TO_LEFT = '\u202e'
const ZERO_WIDTH = '\u200b'

describe('printable', () => {
  it('leaves ordinary text of any script as it is', () => {
    for (const text of ['docker.io/library/alpine:3.20', 'größer', '图像', 'naïve ✓ …', '']) {
      assert.equal(printable(text), text)
    }
  })

  it('escapes what a terminal acts on: ANSI in 7 and 8 bits, newlines, carriage returns, bells', () => {
    assert.equal(printable(`a${ESC}[31mb`), 'a\\u001b[31mb')
    assert.equal(printable(`a${CSI}2Jb`), 'a\\u009b2Jb')
    assert.equal(printable('a\r\nb\x07\x7f'), 'a\\u000d\\u000ab\\u0007\\u007f')
  })

  it('escapes what makes one name look like another', () => {
    assert.equal(printable(`evil${RIGHT_TO_LEFT}gpj`), 'evil\\u202egpj')
    assert.equal(printable(`al${ZERO_WIDTH}pine`), 'al\\u200bpine')
    assert.equal(printable('a\u2028b\u2029c'), 'a\\u2028b\\u2029c')
  })

  it('escapes lone surrogates and characters outside the basic plane by their units', () => {
    assert.equal(printable('\ud800'), '\\ud800')
    assert.equal(printable('\u{e0001}'), '\\udb40\\udc01')
  })

  it('never lets a control or format character through', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.doesNotMatch(printable(text), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
      }),
    )
  })
})

describe('printableJson', () => {
  it('parses to the value it was made from', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 2), (value, indent) => {
        assert.deepEqual(JSON.parse(printableJson(value, indent)), JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  it('holds no control or format character but the newlines of its indentation', () => {
    const text = printableJson({ name: `${ESC}${CSI}${RIGHT_TO_LEFT}\n` }, 2)
    assert.equal(text, '{\n  "name": "\\u001b\\u009b\\u202e\\n"\n}')
  })
})

describe('displayWidth', () => {
  it('counts columns, not characters', () => {
    assert.equal(displayWidth('alpine'), 6)
    assert.equal(displayWidth('图像'), 4)
    assert.equal(displayWidth('e\u0301'), 1)
    assert.equal(displayWidth('├─ ✓ …'), 6)
    assert.equal(displayWidth('🐳'), 2)
  })
})

describe('truncate', () => {
  it('keeps what fits', () => {
    assert.equal(truncate('alpine', 6), 'alpine')
  })

  it('ends what does not fit with an ellipsis', () => {
    assert.equal(truncate('alpine:3.20', 7), 'alpine…')
    assert.equal(truncate('alpine', 1), '…')
    assert.equal(truncate('alpine', 0), '')
  })

  it('never takes more columns than it may, even with wide characters', () => {
    assert.equal(truncate('图像图像', 6), '图像…')
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat(20), (text, columns) => {
        assert.ok(displayWidth(truncate(text, columns)) <= columns)
      }),
    )
  })
})
