import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseCommandLine } from '../../src/commands/command-line.js'
import { DEFAULTS, ERRORS, isHearthError, PULL_POLICIES } from '../../src/index.js'

const NOW = Date.parse('2026-01-02T03:04:05.678Z')
const parse = (...argv: string[]) => parseCommandLine(argv, { version: '1.2.3', now: NOW })

function run(...argv: string[]) {
  const commandLine = parse(...argv)
  assert.equal(commandLine.kind, 'run')
  return commandLine.kind === 'run' ? commandLine : assert.fail()
}

function text(...argv: string[]): string {
  const commandLine = parse(...argv)
  return commandLine.kind === 'text' ? commandLine.text : assert.fail('a command came back')
}

const refused = (...argv: string[]) =>
  assert.throws(
    () => parse(...argv),
    (error) => isHearthError(error, 'USAGE'),
    argv.join(' '),
  )

describe('the command line', () => {
  it('knows every verb', () => {
    assert.deepEqual(run('pull', 'a', 'b').invocation, { verb: 'pull', references: ['a', 'b'] })
    assert.deepEqual(run('ls').invocation, { verb: 'ls' })
    assert.deepEqual(run('list').invocation, { verb: 'ls' })
    assert.deepEqual(run('inspect', 'a').invocation, { verb: 'inspect', reference: 'a' })
    const rm = { verb: 'rm', references: ['a', 'b'], publishedOnly: false, force: false }
    assert.deepEqual(run('rm', 'a', 'b').invocation, rm)
    assert.deepEqual(run('rm', '--force', 'a', 'b').invocation, { ...rm, force: true })
    const clean = { verb: 'clean', publishedOnly: true, force: false }
    assert.deepEqual(run('clean', '--published-only').invocation, clean)
    assert.deepEqual(run('gc').invocation, { verb: 'gc', dryRun: false })
    assert.deepEqual(run('gc', '--dry-run', '--keep-bytes', '20GiB', '--keep-newer=7d').invocation, {
      ...{ verb: 'gc', dryRun: true, keepBytes: 20 * 1024 ** 3, keepNewerMs: 7 * 24 * 60 * 60 * 1000 },
    })
    assert.deepEqual(run('pin', 'a', 'b').invocation, { verb: 'pin', references: ['a', 'b'] })
    assert.deepEqual(run('unpin', 'a').invocation, { verb: 'unpin', references: ['a'] })
    assert.deepEqual(run('ls', '--at', '7').invocation, { verb: 'ls', at: 7 })
    assert.deepEqual(run('log').invocation, { verb: 'log', after: 0, follow: false })
    assert.deepEqual(run('log', '--after', '17').invocation, { verb: 'log', after: 17, follow: false })
    assert.deepEqual(run('log', '--follow', '--since', '1h').invocation, {
      ...{ verb: 'log', after: 0, follow: true, since: new Date(NOW - 3_600_000) },
    })
    assert.deepEqual(run('log', '--compact').invocation, { verb: 'compact' })
    assert.deepEqual(run('log', '--compact', '--keep', '0').invocation, { verb: 'compact', keep: 0 })
    assert.deepEqual(run('diff', '7').invocation, { verb: 'diff', from: 7 })
    assert.deepEqual(run('diff', '7', '2026-01-02T03:04Z').invocation, {
      ...{ verb: 'diff', from: 7, to: new Date('2026-01-02T03:04:00.000Z') },
    })
    assert.deepEqual(run('restore', 'a', 'b', '--at', '7').invocation, {
      ...{ verb: 'restore', references: ['a', 'b'], at: 7 },
    })
    assert.deepEqual(run('verify').invocation, { verb: 'verify' })
  })

  it('leaves every default to the library', () => {
    const { cache, output } = run('ls')
    assert.deepEqual(cache, {})
    assert.deepEqual(output, { json: false, quiet: false, verbose: false, progress: 'auto' })
  })

  it('takes a bare --pull as "always", and the next word as a reference', () => {
    assert.deepEqual(run('pull', '--pull', 'alpine').invocation, {
      verb: 'pull',
      references: ['alpine'],
      pull: 'always',
    })
    for (const policy of PULL_POLICIES) {
      assert.deepEqual(run('pull', '--pull', policy, 'alpine').invocation, {
        verb: 'pull',
        references: ['alpine'],
        pull: policy,
      })
    }
  })

  it('takes --platform several times, and several platforms at once', () => {
    const { invocation } = run('pull', '--platform', 'linux/amd64,linux/arm64', 'a', '--platform=all')
    assert.deepEqual(invocation, {
      verb: 'pull',
      references: ['a'],
      platforms: ['linux/amd64', 'linux/arm64', 'all'],
    })
  })

  it('takes common options before and after the command', () => {
    const words = ['--cache', '/c', '-j', '3', '--mirror', 'http://m', '--mirror=ghcr.io=http://n', '--json', '-v']
    const expected = { path: '/c', jobs: 3, mirrors: ['http://m', 'ghcr.io=http://n'] }
    for (const argv of [
      [...words, 'ls'],
      ['ls', ...words],
      [...words.slice(0, 4), 'ls', ...words.slice(4)],
    ]) {
      const { cache, output } = run(...argv)
      assert.deepEqual(cache, expected)
      assert.deepEqual(output, { json: true, quiet: false, verbose: true, progress: 'auto' })
    }
  })

  it('hands every option to the library under its name there', () => {
    const { cache } = run(
      ...['pull', 'a', '--authfile', 'auth', '--tls-verify', 'h=false', '--plain-http', 'p', '--plain-http', '*'],
      ...['--ca-file', 'x', '--ca-file', 'y', '--cert-file', 'cert', '--key-file', 'key'],
      ...['--durability', 'relaxed', '--retries', '0'],
    )
    assert.deepEqual(cache, {
      authFile: 'auth',
      insecureHosts: ['h'],
      plainHttpHosts: ['p', '*'],
      caFiles: ['x', 'y'],
      certFile: 'cert',
      keyFile: 'key',
      durability: 'relaxed',
      retry: { retries: 0 },
    })
  })

  it('shows progress as --progress says, whatever standard error is', () => {
    for (const mode of ['auto', 'tty', 'plain', 'json', 'none'] as const) {
      assert.equal(run('ls', '--progress', mode).output.progress, mode)
    }
    assert.equal(run('-q', 'ls', '--progress', 'json').output.progress, 'none')
    refused('ls', '--progress', 'loud')
  })

  it('shows no progress with --quiet or --no-progress', () => {
    assert.deepEqual(run('-q', 'ls').output, { json: false, quiet: true, verbose: false, progress: 'none' })
    assert.deepEqual(run('ls', '--no-progress').output, { json: false, quiet: false, verbose: false, progress: 'none' })
  })

  it('takes words after -- as they are', () => {
    assert.deepEqual(run('pull', '--', '--json').invocation, { verb: 'pull', references: ['--json'] })
  })

  it('refuses what makes no sense', () => {
    refused()
    refused('pull')
    refused('rm')
    refused('inspect')
    refused('inspect', 'a', 'b')
    refused('ls', 'a')
    refused('ls', '--published-only')
    refused('gc', 'a')
    refused('gc', '--keep-bytes', '20G')
    refused('gc', '--keep-newer', '7')
    refused('pin')
    refused('diff')
    refused('log', '--compact', '--follow')
    refused('log', '--keep', '7')
    refused('diff', 'yesterday')
    refused('diff', '1', '2', '3')
    refused('ls', '--at', 'yesterday')
    refused('restore', 'a')
    refused('restore', '--at', '7')
    refused('log', '--since', '2026-02-30')
    refused('nope')
    refused('help', 'nope')
    refused('pull', '--platform')
    refused('pull', '--pull=sometimes', 'a')
    refused('pull', 'a', '--jobs', '0')
    refused('pull', 'a', '--jobs', '1e3')
    refused('pull', 'a', '--retries', '-1')
    refused('pull', 'a', '--retries', '99999999999999999999')
    refused('pull', 'a', '--durability', 'none')
    refused('pull', 'a', '--tls-verify=maybe')
    refused('log', '--after', 'x')
    refused('--cache')
  })

  it('says what was probably meant', () => {
    const messageOf = (...argv: string[]): string => {
      try {
        parse(...argv)
      } catch (error) {
        return isHearthError(error, 'USAGE') ? error.message : assert.fail(String(error))
      }
      return assert.fail('not refused')
    }
    assert.match(messageOf('pul', 'alpine'), /pull/)
    assert.match(messageOf('ls', '--jsn'), /--json/)
    assert.doesNotMatch(messageOf('pul', 'alpine'), /\n|^error/)
  })
})

describe('the help', () => {
  const COMMON = [
    ...['--cache', '--jobs', '--json', '--quiet', '--verbose', '--no-progress', '--authfile', '--tls-verify'],
    ...['--plain-http', '--ca-file', '--cert-file', '--key-file', '--mirror', '--durability', '--retries', '--help'],
    '--version',
  ]
  const OWN: Readonly<Record<string, readonly string[]>> = {
    pull: ['--platform', '--pull'],
    ls: ['--at'],
    inspect: [],
    rm: ['--published-only', '--force'],
    clean: ['--published-only', '--force'],
    gc: ['--keep-bytes', '--keep-newer', '--dry-run'],
    pin: [],
    unpin: [],
    log: ['--after', '--since', '--follow', '--compact', '--keep'],
    diff: [],
    restore: ['--at'],
    verify: [],
  }

  it('lists every command and every common option', () => {
    const help = text('--help')
    for (const word of [...Object.keys(OWN), ...COMMON]) assert.ok(help.includes(word), word)
  })

  for (const [verb, own] of Object.entries(OWN)) {
    it(`lists every option of ${verb}, own and common`, () => {
      const help = text(verb, '--help')
      for (const option of [...own, ...COMMON]) assert.ok(help.includes(option), option)
      assert.equal(help, text('help', verb))
    })
  }

  it("shows the library's defaults", () => {
    const help = text('--help')
    for (const value of [DEFAULTS.jobs, DEFAULTS.retry.retries, DEFAULTS.durability]) {
      assert.ok(help.includes(`(default: ${value})`), String(value))
    }
  })

  it('explains every exit code', () => {
    const help = text('--help')
    for (const [code, { exitCode }] of Object.entries(ERRORS)) {
      assert.match(help, new RegExp(`^ .*\\b${exitCode}\\b`, 'm'), code)
    }
  })

  it('fits the width it is given, but for the examples', () => {
    const help = parseCommandLine(['ls', '--help'], { version: '1', columns: 72, now: NOW })
    assert.ok(help.kind === 'text')
    for (const line of help.text.split('\n')) assert.ok(line.length <= 72, line)
  })

  it('shows the version', () => {
    assert.equal(text('--version'), '1.2.3\n')
    assert.equal(text('-V'), '1.2.3\n')
  })
})
