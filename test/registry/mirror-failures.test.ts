import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type ErrorCode, type ErrorDetails, HearthError } from '../../src/errors.js'
import { withMirrorFailures } from '../../src/registry/mirror-failures.js'

const failure = (code: ErrorCode, details: ErrorDetails = {}) => new HearthError(code, `it is ${code}`, details)
const at = (host: string, code: ErrorCode, details: ErrorDetails = {}) => ({ host, error: failure(code, details) })

describe('withMirrorFailures', () => {
  it('is the error of the registry as it is, where no mirror failed', () => {
    const own = failure('HOST_UNKNOWN')
    assert.equal(withMirrorFailures(own, []), own)
  })

  it('keeps the code and the details of the registry, and names the mirrors', () => {
    const own = failure('MANIFEST_UNKNOWN', { host: 'r.example', status: 404 })
    const error = withMirrorFailures(own, [at('a.example', 'DENIED'), at('b.example', 'TLS_FAILED')])
    assert.equal(error.code, 'MANIFEST_UNKNOWN')
    assert.equal(error.cause, own)
    for (const said of [own.message, 'a.example', 'it is DENIED', 'b.example', 'it is TLS_FAILED']) {
      assert.ok(error.message.includes(said), error.message)
    }
    const mirror = { mirror: 'a.example', mirrorCode: 'DENIED' }
    assert.deepEqual(error.details, { host: 'r.example', status: 404, ...mirror })
  })

  it('says how long to wait for the mirror whose failure may pass, if nobody else is worth waiting for', () => {
    const busy = at('b.example', 'TOOMANYREQUESTS', { retryAfterMs: 2000, host: 'auth.example' })
    for (const code of ['HOST_UNKNOWN', 'UNAUTHORIZED', 'MANIFEST_UNKNOWN', 'DIGEST_MISMATCH'] as const) {
      const { details } = withMirrorFailures(failure(code), [at('a.example', 'BLOB_UNKNOWN'), busy])
      assert.deepEqual(details, { mirror: 'b.example', mirrorCode: 'TOOMANYREQUESTS', mirrorRetryAfterMs: 2000 })
    }
    const { details } = withMirrorFailures(failure('HOST_UNKNOWN'), [at('a.example', 'CONNECTION_LOST')])
    assert.equal(details.mirrorRetryAfterMs, 0)
  })

  it('does not where the registry itself may be back sooner, where bytes were wrong, and where hope was given up', () => {
    const busy = at('a.example', 'TOOMANYREQUESTS', { retryAfterMs: 2000 })
    const errors = [
      withMirrorFailures(failure('REGISTRY_UNAVAILABLE'), [busy]),
      withMirrorFailures(failure('HOST_UNKNOWN'), [at('a.example', 'DIGEST_MISMATCH')]),
      withMirrorFailures(failure('HOST_UNKNOWN'), [at('a.example', 'CONNECTION_FAILED', { givenUp: true })]),
    ]
    for (const { details } of errors) assert.equal(details.mirrorRetryAfterMs, undefined)
  })
})
