import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseCommandLine } from '../../src/commands/command-line.js'
import type { Invocation } from '../../src/commands/invocation.js'
import { EXPORT_FORMATS, isHearthError } from '../../src/index.js'

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

describe('the words of export', () => {
  it('are references and where they go', () => {
    const plain = { verb: 'export', references: ['a', 'b'], output: 'x.tar' }
    assert.deepEqual(invocationOf('export', 'a', 'b', '-o', 'x.tar'), plain)
    const words = ['--outfile', 'x.tar', '--format', 'docker', '--platform', 'arm64', '--name', 'n', '--no-referrers']
    assert.deepEqual(invocationOf('export', 'a', 'b', ...words), {
      ...plain,
      format: 'docker',
      platform: 'arm64',
      name: 'n',
      referrers: false,
    })
    refused('export', 'a')
    refused('export', '-o', 'x.tar')
    refused('export', 'a', '-o', 'x.tar', '--format', 'zip')
  })

  it('leave standard output to the archive', () => {
    assert.deepEqual(invocationOf('export', 'a', '-o', '-'), { verb: 'export', references: ['a'], output: '-' })
    refused('export', 'a', '-o', '-', '--json')
    refused('--json', 'export', 'a', '-o', '-')
  })

  it('are explained, every format too', () => {
    for (const format of EXPORT_FORMATS) assert.match(textOf('export', '--help'), new RegExp(`^ +${format} `, 'm'))
  })
})

describe('the words of import and copy', () => {
  it('are sources, and how they are called here', () => {
    assert.deepEqual(invocationOf('import', 'a.tar', '-'), { verb: 'import', sources: ['a.tar', '-'] })
    assert.deepEqual(invocationOf('import', 'a', '--prefix', 'p', '--force', '--compress'), {
      ...{ verb: 'import', sources: ['a'], prefix: 'p', force: true, compress: true },
    })
    refused('import')
    refused('import', 'a', '--name', 'n', '--prefix', 'p')
  })

  it('are references and the other cache', () => {
    assert.deepEqual(invocationOf('copy', 'a', '--to', 'd'), { verb: 'copy', references: ['a'], to: 'd' })
    const words = ['copy', 'a', '--to', 'd', '--no-referrers', '--force']
    assert.deepEqual(invocationOf(...words), {
      verb: 'copy',
      references: ['a'],
      to: 'd',
      force: true,
      referrers: false,
    })
    refused('copy', 'a')
    refused('copy', '--to', 'd')
  })
})
