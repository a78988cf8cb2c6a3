import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { delimiter, dirname, join, relative } from 'node:path'
import { beforeEach, describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { FsCredentials, type FsCredentialsOptions } from '../../src/registry/fs-credentials.js'
import { tempDir } from '../support/temp-dir.js'
import { aHelper } from './support-program.js'
import { failureOf } from './support-wire.js'

const ACCOUNT = { registry: 'r.example', repository: 'a' }

describe('FsCredentials', async () => {
  const root = await tempDir()
  let home: string
  beforeEach(async () => {
    home = await mkdtemp(join(root, 'home-'))
  })

  /** Writes a config with one user for r.example. */
  async function config(path: string, username: string): Promise<string> {
    return write(path, JSON.stringify({ auths: { 'r.example': { username, password: 'p' } } }))
  }
  async function write(path: string, text: string): Promise<string> {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, text)
    return path
  }
  async function found(options: Partial<FsCredentialsOptions> = {}): Promise<string | undefined> {
    const credential = await new FsCredentials({ env: {}, home, ...options }).find(ACCOUNT)
    return credential?.kind === 'basic' ? credential.username : credential?.kind
  }
  const isFailed = async (promise: Promise<unknown>): Promise<void> => {
    assert.ok(isHearthError(await failureOf(promise), 'CREDENTIALS_FAILED'))
  }

  it('finds none where there is no file', async () => assert.equal(await found(), undefined))

  it('looks in REGISTRY_AUTH_FILE, then in docker’s config, then in containers’', async () => {
    const XDG_RUNTIME_DIR = join(home, 'run')
    const REGISTRY_AUTH_FILE = join(home, 'env.json')
    const env = { XDG_RUNTIME_DIR, REGISTRY_AUTH_FILE }
    await config(join(XDG_RUNTIME_DIR, 'containers', 'auth.json'), 'podman')
    assert.equal(await found({ env }), 'podman')
    await config(join(home, '.docker', 'config.json'), 'docker')
    assert.equal(await found({ env }), 'docker')
    await config(REGISTRY_AUTH_FILE, 'env')
    assert.equal(await found({ env }), 'env')
  })

  it('takes DOCKER_CONFIG for the folder instead of ~/.docker', async () => {
    await config(join(home, '.docker', 'config.json'), 'home')
    await config(join(home, 'other', 'config.json'), 'other')
    assert.equal(await found({ env: { DOCKER_CONFIG: join(home, 'other') } }), 'other')
  })

  it('goes on to the next place when one has nothing for this registry', async () => {
    await write(join(home, '.docker', 'config.json'), '{"auths":{"q.example":{"auth":"eDp5"},"r.example":{}}}')
    await config(join(home, 'run', 'containers', 'auth.json'), 'podman')
    assert.equal(await found({ env: { XDG_RUNTIME_DIR: join(home, 'run') } }), 'podman')
  })

  it('ignores a relative XDG_RUNTIME_DIR', async () => {
    await config(join(home, 'run', 'containers', 'auth.json'), 'podman')
    assert.equal(await found({ env: { XDG_RUNTIME_DIR: relative(process.cwd(), join(home, 'run')) } }), undefined)
  })

  it('looks nowhere else when a file is named', async () => {
    await config(join(home, '.docker', 'config.json'), 'docker')
    const authFile = await write(join(home, 'mine.json'), '{}')
    assert.equal(await found({ authFile }), undefined)
    await config(authFile, 'mine')
    assert.equal(await found({ authFile }), 'mine')
  })

  it('fails when the named file is missing, broken or a folder', async () => {
    await isFailed(found({ authFile: join(home, 'absent.json') }))
    await isFailed(found({ authFile: await write(join(home, 'broken.json'), '{') }))
    await isFailed(found({ authFile: home }))
  })

  it('fails when a file in a usual place is broken: an anonymous try would hide that', async () => {
    await write(join(home, '.docker', 'config.json'), '{"auths":')
    await isFailed(found())
  })

  it('refuses a file above a MiB', async () => {
    await isFailed(found({ authFile: await write(join(home, 'large.json'), ' '.repeat(1024 * 1024 + 1)) }))
    assert.equal(
      await found({ authFile: await write(join(home, 'fits.json'), `{}${' '.repeat(1024 * 1024 - 2)}`) }),
      undefined,
    )
  })

  it('sees a login that happens in between', async () => {
    const credentials = new FsCredentials({ env: {}, home })
    assert.equal(await credentials.find(ACCOUNT), undefined)
    await config(join(home, '.docker', 'config.json'), 'new')
    assert.ok(await credentials.find(ACCOUNT))
  })

  describe('with a helper', () => {
    const COUNTING = `echo x >> "$HOME/calls"; echo '{"Username":"helped","Secret":"s"}'`
    const withHelper = async (script: string, auths = {}) => {
      const PATH = [await aHelper(home, 'test', script), '/usr/bin', '/bin'].join(delimiter)
      await write(join(home, '.docker', 'config.json'), JSON.stringify({ credsStore: 'test', auths }))
      return { env: { PATH, HOME: home } }
    }

    it('asks it before the file itself', async () => {
      const options = await withHelper(COUNTING, { 'r.example': { username: 'file', password: 'p' } })
      assert.equal(await found(options), 'helped')
    })

    it('takes what the file holds when the helper has nothing', async () => {
      const script = 'echo credentials not found in native keychain; exit 1'
      assert.equal(await found(await withHelper(script, { 'r.example': { username: 'file', password: 'p' } })), 'file')
    })

    it('fails with it, and does not try without', async () => {
      await isFailed(found(await withHelper('exit 1', { 'r.example': { username: 'file', password: 'p' } })))
    })

    it('fails when it is not installed', async () => {
      const { env } = await withHelper(COUNTING)
      await isFailed(found({ env: { ...env, PATH: '/nonexistent' } }))
    })

    it('asks once for all repositories of a registry', async () => {
      const credentials = new FsCredentials({ home, ...(await withHelper(COUNTING)) })
      await Promise.all(['a', 'b', 'c'].map((repository) => credentials.find({ ...ACCOUNT, repository })))
      await credentials.find(ACCOUNT)
      assert.equal(await readFile(join(home, 'calls'), 'utf8'), 'x\n')
    })
  })
})
