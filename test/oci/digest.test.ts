import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isHearthError } from '../../src/errors.js'
import { algorithmOf, encodedOf, isDigest, makeDigest, parseDigest } from '../../src/oci/digest.js'

const sha256 = createHash('sha256').update('blob').digest('hex')
const sha512 = createHash('sha512').update('blob').digest('hex')

const BAD: readonly (readonly [string, unknown])[] = [
  ['nothing', ''],
  ['an algorithm alone', 'sha256:'],
  ['no algorithm', sha256],
  ['an empty algorithm', `:${sha256}`],
  ['a missing colon', `sha256${sha256}`],
  ['a letter in place of the colon', `sha256x${sha256}`],
  ['a path that climbs', 'sha256:../../x'],
  ['a path of the right length', `sha256:${'../'.repeat(21)}x`],
  ['upper-case hexadecimal', `sha256:${sha256.toUpperCase()}`],
  ['an upper-case algorithm', `SHA256:${sha256}`],
  ['63 digits', `sha256:${sha256.slice(1)}`],
  ['65 digits', `sha256:${sha256}0`],
  ['64 digits and a newline', `sha256:${sha256}\n`],
  ['63 digits and a newline', `sha256:${sha256.slice(1)}\n`],
  ['63 digits and a NUL', `sha256:${sha256.slice(1)}\0`],
  ['a NUL and more', `sha256:${sha256}\0.json`],
  ['a leading blank', ` sha256:${sha256}`],
  ['percent encoding', `sha256:%2e%2e${sha256.slice(6)}`],
  ['a letter beyond f', `sha256:${sha256.slice(1)}g`],
  ['a full-width digit', `sha256:${sha256.slice(1)}\uff11`],
  ['md5', `md5:${sha256.slice(0, 32)}`],
  ['sha384, which go-digest knows and image-spec does not', `sha384:${sha512.slice(0, 96)}`],
  ['sha512 of the wrong length', `sha512:${sha256}`],
  ['blake3 of the wrong length', `blake3:${sha512}`],
  ['an inherited name', `constructor:${sha256}`],
  ['two algorithms', `sha256:sha256:${sha256}`],
  ['a number', 256],
  ['null', null],
  ['an object that prints as a digest', { toString: () => `sha256:${sha256}` }],
  ['a list of one digest', [`sha256:${sha256}`]],
  ['a megabyte', `sha256:${'a'.repeat(1 << 20)}`],
]

describe('parseDigest', () => {
  for (const text of [`sha256:${sha256}`, `sha512:${sha512}`, `blake3:${sha256}`]) {
    it(`takes ${text.slice(0, 20)}...`, () => {
      const digest = parseDigest(text)
      assert.equal(digest, text)
      assert.equal(`${algorithmOf(digest)}:${encodedOf(digest)}`, text)
    })
  }

  for (const [what, text] of BAD) {
    it(`refuses ${what}`, () => {
      assert.equal(isDigest(text), false)
      assert.throws(
        () => parseDigest(text),
        (error: Error) => isHearthError(error, 'DIGEST_INVALID') && /^[ -~]{1,300}$/.test(error.message),
      )
    })
  }

  it('throws nothing but DIGEST_INVALID, and what it takes is safe in a path', () => {
    const nearly = fc.tuple(fc.constantFrom('sha256', 'sha512', 'blake3', 'md5', ''), fc.string(), fc.constant(sha256))
    const any = fc.oneof(
      fc.anything(),
      nearly.map(([algorithm, junk, hex]) => `${algorithm}:${(hex + junk).slice(-64)}`),
    )
    fc.assert(
      fc.property(any, (value) => {
        if (isDigest(value)) assert.match(value, /^[a-z0-9]+:[a-f0-9]+$/)
        else assert.throws(() => parseDigest(value), isHearthError)
      }),
    )
  })
})

describe('makeDigest', () => {
  it('joins an algorithm and a hash', () => {
    assert.equal(makeDigest('sha256', sha256), `sha256:${sha256}`)
  })

  it('refuses a hash that is not of that algorithm', () => {
    assert.throws(
      () => makeDigest('sha512', sha256),
      (error) => isHearthError(error, 'DIGEST_INVALID'),
    )
  })
})
