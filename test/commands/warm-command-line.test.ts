import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseCommandLine } from '../../src/commands/command-line.js'
import type { Invocation } from '../../src/commands/invocation.js'
import { INPUT_FORMATS, isHearthError } from '../../src/index.js'

function invocationOf(...argv: string[]): Invocation {
  const commandLine = parseCommandLine(argv, { version: '1.2.3', now: 0 })
  return commandLine.kind === 'run' ? commandLine.invocation : assert.fail('text came back')
}
function textOf(...argv: string[]): string {
  const commandLine = parseCommandLine(argv, { version: '1.2.3', columns: 120, now: 0 })
  return commandLine.kind === 'text' ? commandLine.text : assert.fail('a command came back')
}
const refused = (...argv: string[]) =>
  assert.throws(
    () => invocationOf(...argv),
    (error) => isHearthError(error, 'USAGE'),
    argv.join(' '),
  )

describe('the words of warm', () => {
  const plain = { verb: 'warm', references: [], failFast: false, dryRun: false }

  it('are references, files, or a lock', () => {
    assert.deepEqual(invocationOf('warm', 'a', 'b'), { ...plain, references: ['a', 'b'] })
    assert.deepEqual(invocationOf('warm', '-f', 'x.yml', '--file=-', 'a'), {
      ...plain,
      references: ['a'],
      files: ['x.yml', '-'],
    })
    assert.deepEqual(invocationOf('warm', '--locked', 'x.lock'), { ...plain, locked: 'x.lock' })
    for (const verb of ['warm', 'lock']) {
      const found = invocationOf(verb, ...(verb === 'warm' ? ['-f'] : []), 'x.yml', '--ignore-buildable')
      assert.equal('ignoreBuildable' in found && found.ignoreBuildable, true)
    }
    refused('warm')
    refused('warm', '--dry-run')
  })

  it('may say how', () => {
    const words = [
      '--platform',
      'linux/amd64,linux/arm64',
      '--pull',
      'newer',
      '--format',
      'compose',
      '--fail-fast',
      '--dry-run',
    ]
    assert.deepEqual(invocationOf('warm', ...words, '-f', 'x'), {
      ...plain,
      ...{ files: ['x'], platforms: ['linux/amd64', 'linux/arm64'], pull: 'newer', format: 'compose' },
      ...{ failFast: true, dryRun: true },
    })
    refused('warm', '--format', 'toml', '-f', 'x')
  })

  it('take a bare --pull as pull does', () => {
    assert.deepEqual(invocationOf('warm', '--pull', 'alpine'), { ...plain, references: ['alpine'], pull: 'always' })
  })

  it('are explained, every format too', () => {
    const text = textOf('warm', '--help')
    for (const format of INPUT_FORMATS) assert.match(text, new RegExp(`^  ${format} `, 'm'))
  })
})

describe('the words of lock', () => {
  const plain = { verb: 'lock', files: [], update: false }

  it('are files and where to write', () => {
    assert.deepEqual(invocationOf('lock', 'a.yml', '-'), { ...plain, files: ['a.yml', '-'] })
    assert.deepEqual(invocationOf('lock', 'a', '-o', 'x.lock', '--platform', 'all', '--format', 'lines'), {
      ...plain,
      ...{ files: ['a'], output: 'x.lock', platforms: ['all'], format: 'lines' },
    })
    assert.deepEqual(invocationOf('lock', 'a', '-o', '-'), { ...plain, files: ['a'] })
    refused('lock')
    refused('lock', '-o', 'x.lock')
  })

  it('may be none for an update of a lock file', () => {
    assert.deepEqual(invocationOf('lock', '--update', '-o', 'x.lock'), { ...plain, output: 'x.lock', update: true })
    refused('lock', '--update')
    refused('lock', '--update', 'a.yml')
    refused('lock', '--update', 'a.yml', '-o', '-')
  })

  it('are explained', () => {
    assert.match(textOf('lock', '--help'), /hearth lock --update -o/)
  })
})
