import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { parseTokenResponse } from '../../src/registry/token-response.js'
import { everythingIn, WHERE } from './support-wire.js'

const parse = (body: unknown) =>
  parseTokenResponse(new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body)), WHERE)

describe('parseTokenResponse', () => {
  it('reads token, and access_token where a server calls it that', () => {
    assert.equal(parse({ token: 'a', expires_in: 300 }).token, 'a')
    assert.equal(parse({ access_token: 'b' }).token, 'b')
    assert.equal(parse({ token: '', access_token: 'b' }).token, 'b')
    assert.equal(parse({ token: 'a', access_token: 'b' }).token, 'a')
  })

  it('lets a token end a little before the server does, whatever the clocks say', () => {
    assert.equal(parse({ token: 'a', expires_in: 300, issued_at: '1970-01-01T00:00:00Z' }).ttlMs, 290_000)
    assert.equal(parse({ token: 'a', expires_in: 4 }).ttlMs, 3_000)
  })

  it('takes 60 seconds when the server does not say, or says nonsense', () => {
    for (const expires_in of [undefined, 0, -5, 'soon', null])
      assert.equal(parse({ token: 'a', expires_in }).ttlMs, 50_000)
  })

  it('keeps no token for longer than a day', () => {
    assert.equal(parse({ token: 'a', expires_in: 1e12 }).ttlMs, 86_390_000)
  })

  for (const body of [
    ...['', '{', 'null', '[]', '"x"', {}, { token: 7 }, { token: '' }, { token: 'a b' }, { token: 'a\r\nX: y' }],
    ...[{ token: 'ä' }, { token: 'x'.repeat(20_000) }],
  ]) {
    it(`finds no token in ${JSON.stringify(body).slice(0, 40)}`, () => {
      assert.throws(
        () => parse(body),
        (error) => isHearthError(error, 'PROTOCOL_ERROR'),
      )
    })
  }

  it('shows nothing of the answer in its error', () => {
    assert.throws(
      () => parse('canary {"token":"canary'),
      (error) => !everythingIn(error).includes('canary'),
    )
  })
})
