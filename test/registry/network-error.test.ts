import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type ErrorCode, HearthError, isHearthError } from '../../src/errors.js'
import { networkError } from '../../src/registry/network-error.js'
import { everythingIn, WHERE } from './support-wire.js'

const coded = (code: string, message = 'm', name = 'Error'): Error => Object.assign(new Error(message), { code, name })

describe('networkError', () => {
  const table: readonly (readonly [string, ErrorCode])[] = [
    ['ECONNREFUSED', 'CONNECTION_FAILED'],
    ['EHOSTUNREACH', 'CONNECTION_FAILED'],
    ['EAI_AGAIN', 'CONNECTION_FAILED'],
    ['EMFILE', 'CONNECTION_FAILED'],
    ['ENOTFOUND', 'HOST_UNKNOWN'],
    ['ECONNRESET', 'CONNECTION_LOST'],
    ['EPIPE', 'CONNECTION_LOST'],
    ['UND_ERR_SOCKET', 'CONNECTION_LOST'],
    ['ETIMEDOUT', 'TIMEOUT'],
    ['UND_ERR_CONNECT_TIMEOUT', 'TIMEOUT'],
    ['UND_ERR_HEADERS_TIMEOUT', 'TIMEOUT'],
    ['UND_ERR_BODY_TIMEOUT', 'TIMEOUT'],
    ['UND_ERR_HEADERS_OVERFLOW', 'PROTOCOL_ERROR'],
    ['UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'PROTOCOL_ERROR'],
    ['HPE_INVALID_CONSTANT', 'PROTOCOL_ERROR'],
    ['CERT_HAS_EXPIRED', 'TLS_FAILED'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'TLS_FAILED'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'TLS_FAILED'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'TLS_FAILED'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'TLS_FAILED'],
    ['EPROTO', 'TLS_FAILED'],
    ['UND_ERR_DESTROYED', 'ABORTED'],
    ['SOMETHING_ELSE', 'INTERNAL'],
  ]
  for (const [native, code] of table) {
    it(`is ${code} for ${native}`, () => {
      const error = networkError(coded(native), WHERE)
      assert.equal(error.code, code)
      assert.equal(error.details.host, WHERE.host)
      assert.equal(error.details.step, WHERE.step)
    })
  }

  for (const [errno, syscall, code] of [
    ['EPERM', 'connect', 'CONNECTION_FAILED'],
    ['EAI_NODATA', 'getaddrinfo', 'CONNECTION_FAILED'],
    ['EIO', 'write', 'CONNECTION_LOST'],
    ['ENOBUFS', 'writev', 'CONNECTION_LOST'],
    ['EIO', 'open', 'INTERNAL'],
  ] as const) {
    it(`is ${code} for ${errno} from ${syscall}`, () => {
      const error = networkError(new Error('x', { cause: Object.assign(coded(errno), { syscall }) }), WHERE)
      assert.equal(error.code, code)
      if (code !== 'INTERNAL') assert.equal(error.details.reason, errno)
    })
  }

  it('is PROTOCOL_ERROR for a parser that forgot its code', () => {
    const error = Object.assign(new Error('x'), { name: 'HTTPParserError', code: undefined })
    assert.equal(networkError(error, WHERE).code, 'PROTOCOL_ERROR')
  })

  it('finds the code in a cause, and in the attempts of an AggregateError', () => {
    assert.equal(networkError(new Error('x', { cause: coded('ECONNREFUSED') }), WHERE).code, 'CONNECTION_FAILED')
    assert.equal(
      networkError(new AggregateError([coded('ENETUNREACH'), coded('ETIMEDOUT')]), WHERE).code,
      'CONNECTION_FAILED',
    )
  })

  it('is ABORTED for an AbortError, and for anything once the signal is aborted', () => {
    assert.equal(networkError(new DOMException('x', 'AbortError'), WHERE).code, 'ABORTED')
    assert.equal(networkError(coded('ECONNRESET'), WHERE, AbortSignal.abort()).code, 'ABORTED')
    assert.equal(networkError(coded('ECONNRESET'), WHERE, new AbortController().signal).code, 'CONNECTION_LOST')
  })

  it('keeps an error of ours, and adds where it happened', () => {
    const ours = new HearthError('REDIRECT_REFUSED', 'no', { address: '127.0.0.1' })
    const error = networkError(new Error('connect', { cause: ours }), WHERE)
    assert.ok(isHearthError(error, 'REDIRECT_REFUSED'))
    assert.deepEqual(error.details, { ...WHERE, address: '127.0.0.1' })
  })

  it('is INTERNAL for what is no error at all', () => {
    for (const thrown of [undefined, null, 'text', 7, {}]) assert.equal(networkError(thrown, WHERE).code, 'INTERNAL')
  })

  it('survives causes that go round in a circle', () => {
    const error = coded('NOTHING_KNOWN')
    error.cause = error
    assert.equal(networkError(error, WHERE).code, 'INTERNAL')
  })

  it('shows nothing that hangs on the original', () => {
    const cause = Object.assign(coded('HPE_INVALID_HEADER_TOKEN', 'bad: Bearer canary'), { data: 'Set-Cookie: canary' })
    const error = Object.assign(new Error('GET https://u:canary@h/p?token=canary', { cause }), {
      request: { authorization: 'canary' },
    })
    const shown = everythingIn(networkError(error, WHERE))
    assert.ok(shown.includes('HPE_INVALID_HEADER_TOKEN'))
    assert.ok(!shown.includes('canary'), shown)
  })
})
