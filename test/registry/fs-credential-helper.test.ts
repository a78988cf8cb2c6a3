import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { askHelper } from '../../src/registry/fs-credential-helper.js'
import { tempDir } from '../support/temp-dir.js'
import { aHelper } from './support-program.js'
import { everythingIn, failureOf } from './support-wire.js'

describe('askHelper', async () => {
  const folder = await tempDir()
  /** The helper's own PATH holds the folder with it, and where the shell's tools are. */
  const ask = async (script: string, extra: { timeoutMs?: number; signal?: AbortSignal; server?: string } = {}) => {
    const PATH = `${await aHelper(folder, 'test', script)}${delimiter}/usr/bin${delimiter}/bin`
    const { server = 'r.example', ...options } = extra
    return askHelper(
      { program: 'test', server },
      { env: { PATH, HOME: folder, NODE_OPTIONS: 'x', npm_x: 'y', HEARTH_X: 'z' }, ...options },
    )
  }

  it('reads user and secret', async () => {
    assert.deepEqual(await ask(`echo '{"ServerURL":"r.example","Username":"me","Secret":"p"}'`), {
      kind: 'basic',
      username: 'me',
      password: 'p',
    })
  })

  it('takes the user <token> for an identity token', async () => {
    assert.deepEqual(await ask(`echo '{"Username":"<token>","Secret":"t"}'`), { kind: 'identity', token: 't' })
  })

  it('says `get` and gives the server on standard input, as it is', async () => {
    await ask(`printf %s "$1:" > "$HOME/asked"; cat >> "$HOME/asked"; echo '{"Username":"a","Secret":"b"}'`, {
      server: 'https://index.docker.io/v1/',
    })
    assert.equal(await readFile(join(folder, 'asked'), 'utf8'), 'get:https://index.docker.io/v1/')
  })

  it('runs it without what our runtime was told', async () => {
    await ask(`env > "$HOME/env"; echo '{"Username":"a","Secret":"b"}'`)
    const env = await readFile(join(folder, 'env'), 'utf8')
    assert.match(env, /^HOME=/m)
    assert.doesNotMatch(env, /^(NODE_|npm_|HEARTH_)/m)
  })

  it('takes "not found" for none', async () => {
    assert.equal(await ask('echo credentials not found in native keychain; exit 1'), undefined)
  })

  it('does not need its input to be read', async () => {
    assert.ok(await ask(`exec 0<&-; echo '{"Username":"a","Secret":"b"}'`))
  })

  for (const [what, script] of [
    ['it fails', 'echo canary; echo canary >&2; exit 3'],
    ['it is killed', 'echo canary; kill -9 $$'],
    ['it answers no JSON', 'echo canary'],
    ['it answers something else', 'echo \'{"Username":7,"Secret":"canary"}\''],
    ['it answers nothing', 'exit 0'],
    ['it answers a list', 'echo \'["canary"]\''],
    ['it answers more than a MiB', 'head -c 1100000 /dev/zero'],
  ] as const) {
    it(`fails when ${what}, and repeats nothing`, async () => {
      const error = await failureOf(ask(script))
      assert.ok(isHearthError(error, 'CREDENTIALS_FAILED'))
      assert.equal(error.details.program, 'docker-credential-test')
      assert.ok(!everythingIn(error).includes('canary'))
    })
  }

  it('fails when it takes too long, also when a child of it goes on', async () => {
    const error = await failureOf(ask('sleep 30', { timeoutMs: 50 }))
    assert.ok(isHearthError(error, 'CREDENTIALS_FAILED'))
  })

  it('is aborted with its caller', async () => {
    const controller = new AbortController()
    const asking = ask('sleep 30', { signal: controller.signal })
    setImmediate(() => controller.abort())
    assert.ok(isHearthError(await failureOf(asking), 'ABORTED'))
  })

  it('fails when the program is missing', async () => {
    for (const PATH of ['', '/nonexistent', folder]) {
      const error = await failureOf(askHelper({ program: 'absent', server: 'r.example' }, { env: { PATH } }))
      assert.ok(isHearthError(error, 'CREDENTIALS_FAILED'))
    }
  })

  it('looks in absolute folders of PATH alone, for a file that can be run', async () => {
    const other = await tempDir()
    await writeFile(join(other, 'docker-credential-plain'), '')
    await mkdir(join(other, 'docker-credential-folder'))
    for (const program of ['plain', 'folder']) {
      assert.ok(
        isHearthError(
          await failureOf(askHelper({ program, server: 'r' }, { env: { PATH: other } })),
          'CREDENTIALS_FAILED',
        ),
      )
    }
    await aHelper(folder, 'near', `echo '{"Username":"a","Secret":"b"}'`)
    const cwd = process.cwd()
    process.chdir(folder)
    try {
      for (const PATH of ['', '.', `${delimiter}`]) {
        assert.ok(
          isHearthError(
            await failureOf(askHelper({ program: 'near', server: 'r' }, { env: { PATH } })),
            'CREDENTIALS_FAILED',
          ),
        )
      }
    } finally {
      process.chdir(cwd)
    }
  })

  it('asks for no server name that could end a line', async () => {
    for (const server of ['a\nb', 'a b', 'a\0b', '', 'ä', 'x'.repeat(600)]) {
      assert.ok(isHearthError(await failureOf(ask('exit 0', { server })), 'CREDENTIALS_FAILED'))
    }
  })
})
