import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { serverText, withoutSent } from '../../src/registry/server-text.js'

describe('serverText', () => {
  it('leaves plain text alone, in any script', () => {
    for (const text of ['manifest unknown', 'größer: 値', '']) assert.equal(serverText(text), text)
  })

  it('escapes what moves a terminal or turns a line around', () => {
    assert.equal(
      serverText('\u001b[2J\u0007\u009b\u007f\n\u202e\u2066\ufeff\u2028'),
      '\\u001b[2J\\u0007\\u009b\\u007f\\u000a\\u202e\\u2066\\ufeff\\u2028',
    )
  })

  it('is bounded', () => {
    assert.equal(serverText('x'.repeat(1e6)).length, 301)
    assert.equal(serverText('abcdef', 3), 'abc…')
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => serverText(text, 10).length <= 11))
  })

  for (const text of [
    ...['Authorization: Bearer canary', 'bearer  canary', 'Basic Y2FuYXJ5canary==', 'got eyJhbGciOi.canary.x'],
    ...[
      'https://user:canary@host/',
      'see https://host/path?X-Amz-Signature=canary&a',
      'token=canary',
      'password=canary&b',
    ],
  ]) {
    it(`takes the secret out of ${text}`, () => assert.ok(!serverText(text).includes('canary'), serverText(text)))
  }
})

describe('withoutSent', () => {
  const basic = `Basic ${Buffer.from('me:canary pass:word').toString('base64')}`

  it('takes out a token that looks like any other word', () => {
    assert.equal(withoutSent('no canary here, canary!', 'Bearer canary'), 'no *** here, ***!')
  })

  it('takes out a password, encoded or not, alone or with its user', () => {
    const text = `${basic}, ${encodeURIComponent(basic.slice(6))}, me:canary pass:word, canary pass:word`
    assert.ok(!/canary|bWU6/.test(withoutSent(text, basic)), withoutSent(text, basic))
  })

  it('leaves a text alone when nothing was sent, or what is part of every word', () => {
    assert.equal(withoutSent('a text', undefined), 'a text')
    assert.equal(withoutSent('a text', 'Bearer a'), 'a text')
  })
})
