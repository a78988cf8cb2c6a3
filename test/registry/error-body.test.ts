import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ErrorCode } from '../../src/errors.js'
import { type RefusedResponse, statusError } from '../../src/registry/error-body.js'
import type { Step } from '../../src/registry/where.js'

const errorOf = (status: number, step: Step = 'manifest', rest: Partial<RefusedResponse> = {}) =>
  statusError({ status, headers: {}, host: 'registry.example', step, now: 0, ...rest })
const bytes = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value))
const specError = (code: string, message = 'm') => ({ body: bytes({ errors: [{ code, message }] }) })

describe('statusError', () => {
  const table: readonly (readonly [number, Step, ErrorCode])[] = [
    [400, 'manifest', 'PROTOCOL_ERROR'],
    [400, 'token', 'UNAUTHORIZED'],
    [401, 'manifest', 'UNAUTHORIZED'],
    [401, 'token', 'UNAUTHORIZED'],
    [403, 'blob', 'DENIED'],
    [404, 'resolve', 'MANIFEST_UNKNOWN'],
    [404, 'manifest', 'MANIFEST_UNKNOWN'],
    [404, 'blob', 'BLOB_UNKNOWN'],
    [404, 'tags', 'NAME_UNKNOWN'],
    [404, 'token', 'PROTOCOL_ERROR'],
    [410, 'blob', 'BLOB_UNKNOWN'],
    [405, 'manifest', 'UNSUPPORTED'],
    [406, 'manifest', 'UNSUPPORTED'],
    [408, 'blob', 'REGISTRY_UNAVAILABLE'],
    [416, 'blob', 'RANGE_INVALID'],
    [418, 'manifest', 'PROTOCOL_ERROR'],
    [429, 'blob', 'TOOMANYREQUESTS'],
    [429, 'token', 'TOOMANYREQUESTS'],
    [500, 'manifest', 'REGISTRY_UNAVAILABLE'],
    [502, 'blob', 'REGISTRY_UNAVAILABLE'],
    [503, 'token', 'REGISTRY_UNAVAILABLE'],
    [504, 'manifest', 'REGISTRY_UNAVAILABLE'],
    [204, 'manifest', 'PROTOCOL_ERROR'],
    [206, 'manifest', 'PROTOCOL_ERROR'],
    [304, 'manifest', 'PROTOCOL_ERROR'],
  ]
  for (const [status, step, code] of table) {
    it(`is ${code} for ${status} to ${step}`, () => {
      const error = errorOf(status, step)
      assert.equal(error.code, code)
      assert.deepEqual(error.details, { host: 'registry.example', step, status })
    })
  }

  it('believes a code of the distribution-spec that says more than 404', () => {
    const error = errorOf(404, 'blob', specError('NAME_UNKNOWN'))
    assert.equal(error.code, 'NAME_UNKNOWN')
    assert.equal(error.details.reason, 'NAME_UNKNOWN')
  })

  it('believes a rate limit under any status', () =>
    assert.equal(errorOf(403, 'blob', specError('TOOMANYREQUESTS')).code, 'TOOMANYREQUESTS'))

  it('does not take a code of the server for one of its own', () => {
    assert.equal(errorOf(404, 'blob', specError('INTERNAL')).code, 'BLOB_UNKNOWN')
    assert.equal(errorOf(400, 'blob', specError('BLOB_UNKNOWN')).code, 'PROTOCOL_ERROR')
  })

  it('repeats the registry, bounded and without control characters', () => {
    const { message } = errorOf(403, 'blob', specError('DENIED', `pull \u001b[31mdenied\r\n\u202e${'x'.repeat(5000)}`))
    assert.match(message, /pull \\u001b\[31mdenied\\u000d\\u000a\\u202e/)
    assert.ok(message.length < 500)
  })

  it('repeats no free text of a token server, which has just been sent a password', () => {
    const error = errorOf(401, 'token', specError('UNAUTHORIZED', 'wrong password hunter2'))
    assert.ok(!error.message.includes('hunter2'))
    assert.equal(
      errorOf(400, 'token', { body: bytes({ error: 'invalid_grant', error_description: 'hunter2' }) }).details.reason,
      'invalid_grant',
    )
  })

  for (const body of [
    '',
    '{',
    'null',
    '[]',
    '{"errors":null}',
    '{"errors":[null]}',
    '{"errors":[{"code":1}]}',
    '<html>',
    '\u0000',
  ]) {
    it(`makes nothing of the body ${JSON.stringify(body)}`, () => {
      assert.deepEqual(errorOf(404, 'blob', { body: bytes(body) }).details, {
        host: 'registry.example',
        step: 'blob',
        status: 404,
      })
    })
  }

  it('carries the pause the server asks for', () => {
    assert.equal(errorOf(429, 'blob', { headers: { 'retry-after': '7' } }).details.retryAfterMs, 7000)
    assert.equal(errorOf(503, 'blob', { headers: { 'retry-after': '1' } }).details.retryAfterMs, 1000)
  })

  it('carries the challenge of a 401, bounded, and of nothing else', () => {
    const headers = { 'www-authenticate': ['Basic realm="x"', `Bearer realm="${'y'.repeat(5000)}"`] }
    const { challenge } = errorOf(401, 'blob', { headers }).details
    assert.ok(String(challenge).startsWith('Basic realm="x", Bearer'))
    assert.equal(String(challenge).length, 2048)
    assert.equal(errorOf(403, 'blob', { headers }).details.challenge, undefined)
  })

  it("is DENIED, without a challenge, for the 401 of a redirect's target", () => {
    const error = errorOf(401, 'blob', { foreign: true, headers: { 'www-authenticate': 'Basic realm="evil"' } })
    assert.equal(error.code, 'DENIED')
    assert.equal(error.details.challenge, undefined)
  })
})
