import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { nextPage, parseTagPage } from '../../src/registry/tag-page.js'

const WHERE = { host: 'registry.example', step: 'tags' } as const
const CURRENT = new URL('https://registry.example/v2/app/tags/list?n=2')
const parse = (value: unknown): readonly string[] => parseTagPage(Buffer.from(JSON.stringify(value)), WHERE)
const isProtocolError = (error: unknown): boolean =>
  isHearthError(error, 'PROTOCOL_ERROR') && error.details.step === 'tags' && error.details.host === WHERE.host

describe('a page of tags', () => {
  it('gives its tags, in the order of the registry', () => {
    assert.deepEqual(parse({ name: 'app', tags: ['b', 'a', '1.0'] }), ['b', 'a', '1.0'])
  })

  it('may have none', () => {
    assert.deepEqual([parse({ name: 'app', tags: null }), parse({ name: 'app' }), parse({ tags: [] })], [[], [], []])
  })

  it('loses what is no tag', () => {
    assert.deepEqual(parse({ tags: ['ok', '', '.x', 'a b', 'a/b', 7, null, 'x'.repeat(129), 'a\n', '\u001b[31m'] }), [
      'ok',
    ])
  })

  it('is a JSON object with a list', () => {
    for (const value of [{ tags: 'latest' }, { tags: {} }, null, 7]) assert.throws(() => parse(value), isProtocolError)
    assert.throws(() => parseTagPage(Buffer.from('<html>log in</html>'), WHERE), isProtocolError)
    assert.throws(() => parseTagPage(new Uint8Array(), WHERE), isProtocolError)
  })
})

describe('the next page', () => {
  const next = (link: string | readonly string[] | undefined): string | undefined =>
    nextPage({ link }, CURRENT, WHERE)?.href

  it('is where the Link header says, however it is written', () => {
    const page = 'https://registry.example/v2/app/tags/list?n=2&last=b'
    for (const link of [
      '</v2/app/tags/list?n=2&last=b>; rel="next"',
      `<${page}>; rel="next"`,
      '<list?n=2&last=b>;rel=next',
      `<${page}>; title="x"; Rel="next"; type="y"`,
      `<https://registry.example/first>; rel="first", <${page}>; rel="next"`,
      ['</x>; rel="prev"', `<${page}>; rel="next"`],
    ]) {
      assert.equal(next(link), page, String(link))
    }
  })

  it('may have a comma in its address', () => {
    assert.equal(next('</v2/app/tags/list?last=a,b>; rel="next"'), 'https://registry.example/v2/app/tags/list?last=a,b')
  })

  it('is not there without such a header', () => {
    for (const link of [undefined, '', '</x>; rel="prev"', '</x>', 'rel="next"', '</x>; rel="nextish"']) {
      assert.equal(next(link), undefined, String(link))
    }
  })

  it('is not asked for elsewhere', () => {
    for (const address of [
      'https://evil.example/',
      '//evil.example/x',
      'http://registry.example/x',
      'https://registry.example:444/',
      'file:///etc/passwd',
      'https://[',
    ]) {
      assert.throws(() => next(`<${address}>; rel="next"`), isProtocolError, address)
    }
  })
})
