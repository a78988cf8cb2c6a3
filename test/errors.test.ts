import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import fc from 'fast-check'
import { ERRORS, type ErrorCode, fromFailure, HearthError, isHearthError, toFailure } from '../src/errors.js'

const codes = Object.keys(ERRORS) as ErrorCode[]
const code = fc.constantFrom(...codes)
const details = fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.double(), fc.boolean()))

describe('ERRORS', () => {
  it('gives every failure an exit code that a shell can see', () => {
    for (const name of codes) {
      assert.ok(ERRORS[name].exitCode > 0 && ERRORS[name].exitCode < 256, name)
      assert.match(name, /^[A-Z]+(_[A-Z]+)*$/)
    }
  })
})

describe('HearthError', () => {
  const error = new HearthError('BLOB_UNKNOWN', 'no such blob', { host: 'localhost' }, new Error('below'))

  it('is an Error with a name, a code, details and a cause', () => {
    assert.ok(error instanceof Error)
    assert.equal(error.name, 'HearthError')
    assert.equal(error.code, 'BLOB_UNKNOWN')
    assert.deepEqual(error.details, { host: 'localhost' })
    assert.equal((error.cause as Error).message, 'below')
  })

  it('has no cause unless one was given', () => {
    assert.equal(Object.hasOwn(new HearthError('ABORTED', ''), 'cause'), false)
  })

  it('knows from its code whether trying again makes sense', () => {
    for (const name of codes) assert.equal(new HearthError(name, '').retryable, ERRORS[name].retryable)
  })
})

describe('isHearthError', () => {
  const error = new HearthError('TIMEOUT', 'slow')

  it('takes our errors, and asks for the code when one is given', () => {
    assert.ok(isHearthError(error))
    assert.ok(isHearthError(error, 'TIMEOUT'))
    assert.ok(!isHearthError(error, 'ABORTED'))
  })

  it('takes the errors of another installed copy of this package', async () => {
    // The query makes it another module to the loader, with classes of its own.
    const url = new URL('../src/errors.js?another-copy', import.meta.url)
    const other = (await import(url.href)) as typeof import('../src/errors.js')
    const foreign = new other.HearthError('TIMEOUT', 'slow')
    assert.ok(!(foreign instanceof HearthError))
    assert.ok(isHearthError(foreign, 'TIMEOUT'))
    assert.ok(other.isHearthError(error, 'TIMEOUT'))
  })

  it('takes nothing that only looks like one', () => {
    const failure = toFailure(error)
    const lookAlikes = [
      failure,
      { ...error },
      Object.assign(new Error('slow'), { code: 'TIMEOUT', name: 'HearthError' }),
    ]
    for (const value of [...lookAlikes, new Error('slow'), 'TIMEOUT', null, undefined, 1, () => error]) {
      assert.ok(!isHearthError(value))
    }
  })

  it('is needed after structured clone, which keeps neither code nor class', () => {
    assert.ok(!isHearthError(structuredClone(error)))
  })
})

describe('toFailure and fromFailure', () => {
  it('keep code, message and details on the way to another thread and back', () => {
    fc.assert(
      fc.property(code, fc.string(), details, (name, message, some) => {
        const back = fromFailure(structuredClone(toFailure(new HearthError(name, message, some))))
        assert.ok(isHearthError(back, name))
        assert.equal(back.message, message)
        assert.deepEqual(back.details, structuredClone(some))
        assert.equal(back.retryable, ERRORS[name].retryable)
      }),
    )
  })

  it('make a value that a message port delivers whole', () => {
    const { port1, port2 } = new MessageChannel()
    const failure = toFailure(new HearthError('DIGEST_MISMATCH', 'wrong', { expected: 'a', actual: 'b', size: 3 }))
    port1.postMessage(failure)
    assert.deepEqual(receiveMessageOnPort(port2)?.message, failure)
    port1.close()
  })

  it('make a value that JSON keeps', () => {
    const failure = toFailure(new HearthError('NO_SPACE', 'full', { needed: 10, path: 'x', fatal: true }))
    assert.deepEqual(JSON.parse(JSON.stringify(failure)), failure)
  })

  it('never carry the cause, which may hold anything', () => {
    const failure = toFailure(new HearthError('TIMEOUT', 'slow', {}, new Error('secret')))
    assert.deepEqual(Object.keys(failure).sort(), ['code', 'details', 'message'])
    assert.ok(!JSON.stringify(failure).includes('secret'))
  })

  it('call an unknown error INTERNAL and keep its stack', () => {
    const failure = toFailure(new RangeError('out of range'))
    assert.equal(failure.code, 'INTERNAL')
    assert.ok(failure.message.includes('RangeError: out of range'))
    assert.ok(failure.message.includes('errors.test'))
  })

  it('survive anything that can be thrown', () => {
    const stackless = Object.assign(new Error('bare'), { stack: undefined })
    for (const thrown of ['text', 1, null, undefined, Symbol('x'), {}, [], stackless]) {
      const failure = toFailure(thrown)
      assert.equal(failure.code, 'INTERNAL')
      assert.deepEqual(structuredClone(failure), failure)
    }
    assert.equal(toFailure(stackless).message, 'bare')
    assert.equal(toFailure('text').message, 'text')
  })
})
