import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { quote } from '../../src/oci/quote.js'

describe('quote', () => {
  it('puts plain text between quotes', () => {
    assert.equal(quote('redis:7'), '"redis:7"')
  })

  it('escapes what would leave the quotes or drive a terminal', () => {
    assert.equal(
      quote('a"b\\c\n\u001b[2J\u007f\u009b\u202e\ud83d\ude00'),
      String.raw`"a\"b\\c\n\u001b[2J\u007f\u009b\u202e\ud83d\ude00"`,
    )
  })

  it('cuts long text', () => {
    assert.equal(quote('abcdef', 3), '"abc..."')
    assert.equal(quote('abc', 3), '"abc"')
  })

  it('prints printable ASCII only, and JSON reads it back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 100 }), (text) => {
        assert.match(quote(text), /^"[ -~]*"$/)
        assert.equal(JSON.parse(quote(text)), text)
      }),
    )
  })
})
