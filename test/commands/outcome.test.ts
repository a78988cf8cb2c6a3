import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { exitCodeOf } from '../../src/commands/outcome.js'
import { ERRORS, type ErrorCode } from '../../src/errors.js'

const failures = (...codes: ErrorCode[]) => codes.map((code) => ({ code, message: '', details: {} }))

describe('exitCodeOf', () => {
  it('is 0 when nothing failed', () => {
    assert.equal(exitCodeOf([]), 0)
  })

  it('is what all failures share, also under different codes', () => {
    assert.equal(exitCodeOf(failures('TIMEOUT')), ERRORS.TIMEOUT.exitCode)
    assert.equal(exitCodeOf(failures('TIMEOUT', 'CONNECTION_LOST')), ERRORS.TIMEOUT.exitCode)
  })

  it('is that of PARTIAL for a mixture', () => {
    assert.equal(exitCodeOf(failures('TIMEOUT', 'MANIFEST_UNKNOWN')), ERRORS.PARTIAL.exitCode)
  })
})
