import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, openSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ERRORS, isHearthError, openCache } from '../src/index.js'
import { INDEX_FILE, OCI_LAYOUT_BYTES, OCI_LAYOUT_FILE } from '../src/oci/image-layout.js'
import { modulesRun, packagesOf } from './support/modules-run.js'
import { tempDir } from './support/temp-dir.js'

const CLI = fileURLToPath(new URL('../bundle/cli.js', import.meta.url))
const NO_FULL = !existsSync('/dev/full')
const PACKAGE = new URL('../../package.json', import.meta.url)

interface Ended {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Starts the real command with a cache of its own. */
function start(argv: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
  return spawn(process.execPath, [CLI, ...argv], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

async function ended({ stdout, stderr, ...child }: ChildProcess, exit: Promise<unknown[]>): Promise<Ended> {
  assert.ok(stdout !== null && stderr !== null, String(child.pid))
  const [out, err, [exitCode]] = await Promise.all([text(stdout), text(stderr), exit])
  return { exitCode: exitCode as number | null, stdout: out, stderr: err }
}

function hearth(...argv: string[]): Promise<Ended> {
  const child = start(argv)
  return ended(child, once(child, 'exit'))
}

/** A cache as another tool leaves it. */
async function anEmptyLayout(): Promise<string> {
  const path = await tempDir()
  await writeFile(join(path, OCI_LAYOUT_FILE), OCI_LAYOUT_BYTES)
  await writeFile(join(path, INDEX_FILE), JSON.stringify({ schemaVersion: 2, manifests: [] }))
  return path
}

describe('hearth', () => {
  it('is a script that npm can install', async () => {
    assert.match(await readFile(CLI, 'utf8'), /^#!\/usr\/bin\/env node\n/)
  })

  it('shows help on standard output', async () => {
    for (const argv of [['--help'], ['help'], ['-h']]) {
      const { exitCode, stdout, stderr } = await hearth(...argv)
      assert.deepEqual([exitCode, stderr], [0, ''])
      assert.match(stdout, /^Usage: hearth /)
    }
  })

  it("shows the package's version", async () => {
    const { version } = JSON.parse(await readFile(PACKAGE, 'utf8'))
    assert.deepEqual(await hearth('--version'), { exitCode: 0, stdout: `${version}\n`, stderr: '' })
  })

  it('refuses a command line that makes no sense with exit code 2, on standard error alone', async () => {
    for (const argv of [
      [],
      ['pull'],
      ['pul', 'alpine'],
      ['pull', '--pull=sometimes', 'alpine'],
      ['ls', '--jobs', 'x'],
    ]) {
      const { exitCode, stdout, stderr } = await hearth(...argv)
      assert.deepEqual([exitCode, stdout], [ERRORS.USAGE.exitCode, ''], argv.join(' '))
      assert.match(stderr, /^hearth: USAGE: .+\n$/)
    }
  })

  it('takes --pull before a reference as a bare option', async () => {
    const { stderr } = await hearth('--cache', await tempDir(), 'pull', '--pull', 'Not_A_Reference')
    assert.doesNotMatch(stderr, /USAGE/)
  })

  it('ends quietly when nobody reads its output any more', async () => {
    const child = start(['--help'])
    child.stdout?.destroy()
    const [[exitCode], stderr] = await Promise.all([once(child, 'exit'), text(child.stderr ?? assert.fail())])
    assert.deepEqual([exitCode, stderr], [0, ''])
  })

  it('fails when its output cannot be written, also where the failure has to go there', { skip: NO_FULL }, async () => {
    const cache = await anEmptyLayout()
    for (const argv of [['--help'], ['--json', '--cache', cache, 'ls']]) {
      const full = openSync('/dev/full', 'w')
      const child = spawn(process.execPath, [CLI, ...argv], { stdio: ['ignore', full, 'pipe'] })
      const [[exitCode], stderr] = await Promise.all([once(child, 'exit'), text(child.stderr ?? assert.fail())])
      assert.equal(exitCode, ERRORS.STORE_FAILED.exitCode)
      assert.match(stderr, /^hearth: STORE_FAILED: .*\n$/)
    }
  })

  it('loads no package that ls does not need', async () => {
    const coverage = await tempDir()
    const child = start(['--cache', await anEmptyLayout(), 'ls'], { NODE_V8_COVERAGE: coverage })
    await ended(child, once(child, 'exit'))
    const modules = (await modulesRun(coverage)).flat()
    assert.ok(modules.some((path) => path.endsWith('/commands/ls.js')))
    assert.deepEqual(packagesOf(modules), ['commander'])
    assert.ok(!modules.some((path) => /\/commands\/(progress[\w-]*|pull|verify|inspect)\.js/.test(path)))
  })
})

const CACHE_IS_MISSING = await openCache().then(
  (cache) => cache.close().then(() => false),
  (error) => isHearthError(error, 'UNSUPPORTED'),
)

describe('a pull that is stopped', { skip: CACHE_IS_MISSING }, () => {
  let silent: Server
  let reference: string
  const cache = tempDir()

  before(async () => {
    silent = createServer()
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    reference = `127.0.0.1:${(silent.address() as AddressInfo).port}/library/never:1`
  })
  after(() => silent.close())

  /** Sends the signals once the pull waits for the registry, which never answers. */
  async function stoppedBy(signals: readonly NodeJS.Signals[], ...options: string[]): Promise<Ended> {
    const connected = once(silent, 'connection')
    const child = start(['--cache', await cache, 'pull', ...options, reference])
    const exit = once(child, 'exit')
    // A test that waits for ever would hide that the command has ended.
    const early = exit.then(([exitCode]) => assert.fail(`ended too early, with ${exitCode}`))
    const [socket] = await Promise.race([connected, early])
    socket.on('error', () => {})
    for (const signal of signals) child.kill(signal)
    const result = await ended(child, exit)
    socket.destroy()
    return result
  }

  for (const [signal, exitCode] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    it(`ends with ${exitCode} after ${signal} and says what is kept`, async () => {
      const { stdout, stderr, ...rest } = await stoppedBy([signal])
      assert.deepEqual([rest.exitCode, stdout], [exitCode, ''])
      assert.match(
        stderr,
        /^hearth: stopping; .*\nhearth: stopped: 0 of 1 image complete, .* kept for the next time\n$/,
      )
    })
  }

  it('ends at once after a second signal', async () => {
    const { exitCode } = await stoppedBy(['SIGINT', 'SIGINT'])
    assert.equal(exitCode, 130)
  })

  it('says nothing with --quiet, and gives a document with --json', async () => {
    const { exitCode, stdout, stderr } = await stoppedBy(['SIGINT'], '--quiet', '--json')
    assert.deepEqual([exitCode, stderr], [130, ''])
    assert.equal(JSON.parse(stdout).error.code, 'ABORTED')
  })
})
