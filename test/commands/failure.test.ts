import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { errorLines, exitCodeOfError, failureLine, failureOf } from '../../src/commands/failure.js'
import { ERRORS, HearthError } from '../../src/errors.js'

describe('failureLine', () => {
  it('names the code, the subject, the message, the host and the step', () => {
    const details = { host: 'registry.example.com', step: 'manifest' }
    assert.equal(
      failureLine({ code: 'MANIFEST_UNKNOWN', message: 'no such manifest', details }, 'docker.io/library/nope:1'),
      'hearth: MANIFEST_UNKNOWN: docker.io/library/nope:1: no such manifest (host registry.example.com, step manifest)',
    )
  })

  it('does not repeat a subject or a value that the message already names', () => {
    const failure = {
      code: 'DIGEST_MISMATCH',
      message: 'blob a: not b',
      details: { expected: 'a', actual: 'b' },
    } as const
    assert.equal(failureLine(failure, 'blob a'), 'hearth: DIGEST_MISMATCH: blob a: not b')
  })

  it('shows details only that tell where', () => {
    const failure = { code: 'LOG_BUSY', message: 'held', details: { path: '/c', timeoutMs: 5, expected: 1 } } as const
    assert.equal(failureLine(failure), 'hearth: LOG_BUSY: held (path /c, expected 1)')
  })

  it('says how many bytes had no room, and how many there is room for', () => {
    const failure = { code: 'NO_SPACE', message: 'full', details: { path: '/c', needed: 5, free: 1 } } as const
    assert.equal(failureLine(failure), 'hearth: NO_SPACE: full (path /c, needed 5 bytes, free 1 bytes)')
  })

  it('is one harmless line whatever a server said', () => {
    const failure = { code: 'DENIED', message: 'a\nhearth: fake\u001b[2J', details: { host: '\u202eh' } } as const
    assert.equal(failureLine(failure), 'hearth: DENIED: a\\u000ahearth: fake\\u001b[2J (host \\u202eh)')
  })

  it('leaves out the stack that an INTERNAL failure from a thread has for a message, and its secrets', () => {
    const failure = { code: 'INTERNAL', message: 'Error: token=abc\n    at x (y.js:1:1)', details: {} } as const
    assert.equal(failureLine(failure), 'hearth: INTERNAL: Error: token=[redacted]')
  })
})

describe('failureOf', () => {
  it('keeps code, message and details of our errors', () => {
    const error = new HearthError('LOG_BUSY', 'held', { pid: 7 })
    assert.deepEqual(failureOf(error), { code: 'LOG_BUSY', message: 'held', details: { pid: 7 } })
  })

  it('makes anything else INTERNAL, on one line, without secrets', () => {
    assert.deepEqual(failureOf(new Error('bad https://u:p@h/\nmore')), {
      code: 'INTERNAL',
      message: 'bad https://[redacted]@h/',
      details: {},
    })
    assert.equal(failureOf('text').message, 'text')
    assert.equal(failureOf(undefined).message, 'undefined')
    assert.equal(failureOf(new TypeError()).message, 'TypeError')
  })
})

describe('errorLines', () => {
  const root = Object.assign(new Error('read https://h/x?sig=canary'), { code: 'ECONNRESET' })
  const error = new HearthError('CONNECTION_LOST', 'the connection broke', {}, new Error('socket', { cause: root }))

  it('is one line by default', () => {
    assert.deepEqual(errorLines(error), ['hearth: CONNECTION_LOST: the connection broke'])
  })

  it('shows stack and causes with verbose, redacted', () => {
    const lines = errorLines(error, { verbose: true })
    const causes = lines.filter((line) => line.startsWith('caused by: '))
    assert.deepEqual(causes, ['caused by: socket', 'caused by: ECONNRESET: read https://h/x?[redacted]'])
    assert.ok(lines.some((line) => /^ {4}at .*failure\.test\.js/.test(line)))
    assert.ok(!lines.join('\n').includes('canary'))
  })

  it('ends although causes go round in a circle', () => {
    const circular = new Error('round')
    circular.cause = circular
    assert.ok(errorLines(circular, { verbose: true }).length < 200)
  })
})

describe('exitCodeOfError', () => {
  it("is the code's own, and INTERNAL's for what is not ours", () => {
    assert.equal(exitCodeOfError(new HearthError('UNAUTHORIZED', 'x')), ERRORS.UNAUTHORIZED.exitCode)
    assert.equal(exitCodeOfError(new Error('x')), ERRORS.INTERNAL.exitCode)
  })
})
