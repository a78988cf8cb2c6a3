import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isHearthError } from '../../src/errors.js'
import { parseStrictJson } from '../../src/oci/strict-json.js'

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const parse = (text: string): unknown => parseStrictJson(utf8(text), { what: 'test' })
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
const refused = (error: unknown): boolean => isHearthError(error, 'MANIFEST_INVALID')

const GOOD: readonly string[] = [
  ...['null', 'true', '0', '-0.5e-3', '""', '[]', '{}', ' \t\r\n{ } ', '[1,"2",null,{"a":[]}]'],
  // Colons, brackets, quotes and backslashes inside of strings count for nothing.
  ...['{"a:b":"c:d"}', '["[[[{{{"]', String.raw`{"a\"":"\":{"}`, String.raw`{"a\\":1,"b\\\"":2}`, String.raw`"\\"`],
  // The same name in two objects is no duplicate, nor is a name that differs in case or form.
  ...['{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}', '{"a":1,"A":2}', '{"\u00e9":1,"e\u0301":2}', '{"":1," ":2}'],
  ...['{"1":1,"01":2,"1.0":3}', '{"constructor":1,"toString":2}'],
  // Pairs of surrogates, escaped, raw and mixed with other escapes.
  ...[String.raw`"\ud83d\ude00"`, '"\ud83d\ude00"', String.raw`{"\uD83D\uDE00":"\u00e9\ud7ff\ue000"}`],
  // An escaped backslash before a "ud800" that is plain letters.
  ...[String.raw`"\\ud800"`],
  ...['1e308', '123456789012345678901234567890', '1e-999'],
  nested(64),
]

const BAD: readonly (readonly [string, string])[] = [
  ['nothing', ''],
  ['a blank', ' '],
  ['a truncated document', '{"a":['],
  ['an unterminated string', '{"a'],
  ['a string that ends in a backslash', '"\\'],
  ['two documents', '{} {}'],
  ['a comment', '{/**/}'],
  ['a trailing comma', '[1,]'],
  ['single quotes', "{'a':1}"],
  ['NaN', 'NaN'],
  ['a raw control character in a string', '"\u0001"'],
  ['a byte order mark', '\ufeff{}'],
  ['a NUL after the document', '{}\0'],
  ['a name twice', '{"a":1,"a":2}'],
  ['a name twice with the same value', '{"a":1,"b":2,"a":1}'],
  ['a name twice, once escaped', String.raw`{"mediaType":1,"m\u0065diaType":2}`],
  ['a name twice deep inside', '[{"b":[{"a":{"c":1,"c":2}}]}]'],
  ['__proto__ twice', '{"__proto__":1,"__proto__":2}'],
  ['an empty name twice', '{"":1,"":2}'],
  ['a numeric name twice', '{"1":1,"1":2}'],
  ['a number beyond a double', '1e309'],
  ['a number beyond a double deep inside', '{"a":[-1e400]}'],
  ['a lone high surrogate', String.raw`"\ud800"`],
  ['a lone low surrogate', String.raw`"x\uDFFF"`],
  ['surrogates in the wrong order', String.raw`"\ude00\ud83d"`],
  ['a lone surrogate in a name', String.raw`{"\uDBFF":1}`],
  ['65 arrays', nested(65)],
  ['65 objects', `${'{"a":'.repeat(65)}1${'}'.repeat(65)}`],
  ['a million open brackets', '['.repeat(1 << 20)],
  ['a million open braces', '{"a":'.repeat(1 << 18)],
]

const BAD_BYTES: readonly (readonly [string, readonly number[]])[] = [
  ['a lone continuation byte', [0x22, 0x80, 0x22]],
  ['an overlong quote', [0x22, 0xc0, 0xa2, 0x22]],
  ['a surrogate in UTF-8', [0x22, 0xed, 0xa0, 0x80, 0x22]],
  ['a code point beyond Unicode', [0x22, 0xf4, 0x90, 0x80, 0x80, 0x22]],
  ['a truncated sequence', [0x22, 0xe2, 0x82]],
  ['Latin-1', [0x22, 0xe9, 0x22]],
  ['UTF-16 with its mark', [0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]],
  ['UTF-16 without a mark', [0x7b, 0x00, 0x7d, 0x00]],
  ['a UTF-8 byte order mark', [0xef, 0xbb, 0xbf, 0x7b, 0x7d]],
]

describe('parseStrictJson', () => {
  for (const text of GOOD) {
    it(`gives what JSON.parse gives for ${JSON.stringify(text).slice(0, 60)}`, () => {
      assert.deepEqual(parse(text), JSON.parse(text))
    })
  }

  for (const [what, text] of BAD) {
    it(`refuses ${what}`, () => {
      assert.throws(() => parse(text), refused)
    })
  }

  for (const [what, bytes] of BAD_BYTES) {
    it(`refuses ${what}`, () => {
      assert.throws(() => parseStrictJson(Uint8Array.from(bytes), { what: 'test' }), refused)
    })
  }

  it('reports the code that the caller chose', () => {
    assert.throws(
      () => parseStrictJson(utf8('{'), { what: 'index.json', code: 'LAYOUT_INVALID' }),
      (error) => isHearthError(error, 'LAYOUT_INVALID') && error.details.what === 'index.json',
    )
  })

  it('makes __proto__ an own property like any other', () => {
    const value = parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}')
    assert.equal(Object.getPrototypeOf(value), Object.prototype)
    assert.deepEqual(Object.keys(value as object), ['__proto__', 'constructor'])
    assert.equal((value as { polluted?: boolean }).polluted, undefined)
    assert.equal(({} as { polluted?: boolean }).polluted, undefined)
  })

  it('reads the view alone, not the buffer below it', () => {
    assert.deepEqual(parseStrictJson(utf8('x{"a":1}x').subarray(1, 8), { what: 'test' }), { a: 1 })
  })

  it('agrees with JSON.parse on everything that JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom(undefined, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent)
        assert.deepEqual(parse(text), JSON.parse(text))
      }),
    )
  })

  it('finds a name that was written twice, wherever it is', () => {
    const name = fc.string({ minLength: 1 })
    fc.assert(
      fc.property(fc.uniqueArray(name, { minLength: 1, maxLength: 5 }), fc.nat(), fc.nat(10), (names, pick, depth) => {
        const members = names.map((each) => `${JSON.stringify(each)}:[]`)
        const object = `{${[...members, members[pick % members.length]].join(',')}}`
        assert.throws(() => parse('{"k":['.repeat(depth) + object + ']}'.repeat(depth)), refused)
        assert.doesNotThrow(() => parse(`{${members.join(',')}}`))
      }),
    )
  })

  it('throws nothing but the code, whatever the bytes', () => {
    const pieces = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ':',
      ',',
      '"',
      '\\',
      '"a"',
      '1',
      String.raw`\ud8`,
      'null',
      '\xe9',
    )
    const soup = fc.array(pieces, { maxLength: 20 }).map((all) => utf8(all.join('')))
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), soup), (bytes) => {
        try {
          parseStrictJson(bytes, { what: 'test' })
        } catch (error) {
          if (!refused(error)) throw error
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('reads 4 MiB of layers in a fraction of a second', () => {
    const layer = `{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:${'a'.repeat(64)}","size":1}`
    const bytes = utf8(`{"layers":[${`${layer},`.repeat((4 << 20) / layer.length)}${layer}]}`)
    parseStrictJson(bytes, { what: 'test' })
    const started = process.cpuUsage()
    parseStrictJson(bytes, { what: 'test' })
    const { user, system } = process.cpuUsage(started)
    // Measured: 30 ms. CPU time, because the machine may have other work.
    assert.ok(user + system < 500_000, `${user + system} microseconds`)
  })
})
