/** Private registries of docker-registry: who gets in, who does not, and that nobody learns the password on the way. */
import assert from 'node:assert/strict'
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { anImage } from '../support/an-image.js'
import { type DockerRegistry, PASSWORD, startDockerRegistry, USERNAME } from '../support/docker-registry.js'
import { type Ended, hearth } from '../support/hearth.js'
import { interop, skopeoPush } from '../support/interop.js'
import { tempDir } from '../support/temp-dir.js'
import { writeLayout } from '../support/write-layout.js'

const RIGHT = `${USERNAME}:${PASSWORD}`
const WRONG = `${USERNAME}:wrong canary`
const base64 = (text: string) => Buffer.from(text).toString('base64')
/** Whatever a password looks like on its way, and how every signed token begins. */
const SECRETS = [PASSWORD, 'wrong canary', base64(RIGHT), base64(WRONG), base64('{"typ"').slice(0, 8)]

interface Attempt extends Ended {
  readonly cache: string
}

for (const auth of ['htpasswd', 'token'] as const) {
  describe(`docker-registry with ${auth}`, interop('docker-registry', 'skopeo'), () => {
    let registry: DockerRegistry
    let reference: string

    before(async () => {
      registry = await startDockerRegistry({ auth })
      const layout = await tempDir()
      await writeLayout(layout, [{ name: 'app', image: await anImage({ layers: [{}, { bytes: 50_000 }] }) }])
      reference = `${registry.host}/private/app:1.0`
      await skopeoPush({ layout, name: 'app', target: reference }, { credentials: RIGHT })
    })
    after(() => registry?.close())

    /** As talkative as it gets. */
    async function pull(options: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Attempt> {
      const cache = await tempDir()
      const argv = ['pull', reference, '--platform', 'linux/amd64', '--cache', cache, '--verbose', '--json', ...options]
      return { ...(await hearth(argv, { env })), cache }
    }
    async function anAuthFile(credentials: string, name = 'config.json'): Promise<string> {
      const path = join(await tempDir(), name)
      await writeFile(path, JSON.stringify({ auths: { [registry.host]: { auth: base64(credentials) } } }))
      return path
    }

    it('lets in whoever has the right credentials', async () => {
      const attempt = await pull(['--authfile', await anAuthFile(RIGHT)])
      assert.equal(attempt.exitCode, 0, attempt.stderr)
      await assertNoSecrets(attempt)
    })

    it('lets in with what a credential helper knows; the secret stands in no command line', async () => {
      const { folder, seen } = await aHelper()
      const config = join(await tempDir(), 'config.json')
      await writeFile(config, JSON.stringify({ credHelpers: { [registry.host]: 'hearthtest' } }))
      const PATH = [folder, process.env.PATH].join(delimiter)
      const attempt = await pull(['--authfile', config], { PATH })
      assert.equal(attempt.exitCode, 0, attempt.stderr)
      await assertNoSecrets(attempt)
      const argv = (await readFile(seen, 'utf8')).replaceAll('\0', ' ')
      assert.match(argv, /cli\.js pull .*\n.*docker-credential-hearthtest get /)
      for (const secret of SECRETS) assert.ok(!argv.includes(secret))
    })

    it('refuses wrong credentials: exit code 7, nothing stored, no secret shown', async () => {
      const attempt = await pull(['--authfile', await anAuthFile(WRONG)])
      assert.deepEqual([attempt.exitCode, codeOf(attempt)], [7, 'UNAUTHORIZED'])
      await assertNoSecrets(attempt)
      assert.deepEqual(await filesIn(join(attempt.cache, 'blobs')), [])
    })

    if (auth === 'htpasswd') {
      it('finds credentials wherever other tools keep them', async () => {
        const path = await anAuthFile(RIGHT)
        const home = await tempDir()
        await mkdir(join(home, '.docker'))
        await writeFile(join(home, '.docker', 'config.json'), await readFile(path))
        for (const env of [{ REGISTRY_AUTH_FILE: path }, { DOCKER_CONFIG: join(path, '..') }, { HOME: home }]) {
          const attempt = await pull([], env)
          assert.equal(attempt.exitCode, 0, attempt.stderr)
          await assertNoSecrets(attempt)
        }
      })

      it('does not fall back to asking anonymously when the credentials cannot be read', async () => {
        const broken = join(await tempDir(), 'config.json')
        await writeFile(broken, `{"auths": {"${registry.host}": {"auth": "${base64(RIGHT)}"}`)
        const attempt = await pull(['--authfile', broken])
        assert.deepEqual([attempt.exitCode, codeOf(attempt)], [7, 'CREDENTIALS_FAILED'])
        await assertNoSecrets(attempt)
      })

      it('refuses whoever has none', async () => {
        const attempt = await pull([])
        assert.deepEqual([attempt.exitCode, codeOf(attempt)], [7, 'UNAUTHORIZED'])
      })
    } else {
      it('gives one token to a whole pull', async () => {
        const before = registry.tokens?.issued() ?? assert.fail()
        const attempt = await pull(['--authfile', await anAuthFile(RIGHT)])
        assert.equal(attempt.exitCode, 0, attempt.stderr)
        assert.equal(registry.tokens?.issued(), before + 1)
      })
    }
  })
}

/** A credential helper that writes down the command lines of its caller and of itself. */
async function aHelper(): Promise<{ readonly folder: string; readonly seen: string }> {
  const folder = await tempDir()
  const [program, seen] = [join(folder, 'docker-credential-hearthtest'), join(folder, 'seen')]
  const answer = JSON.stringify({ Username: USERNAME, Secret: PASSWORD })
  const script = ['#!/bin/sh', 'read server', `cat /proc/$PPID/cmdline >'${seen}'`, `echo >>'${seen}'`]
  await writeFile(program, [...script, `cat /proc/$$/cmdline >>'${seen}'`, `echo '${answer}'`, ''].join('\n'))
  await chmod(program, 0o755)
  return { folder, seen }
}

function codeOf({ stdout }: Ended): string {
  return JSON.parse(stdout).results[0].failure.code
}

async function assertNoSecrets({ stdout, stderr, cache }: Attempt): Promise<void> {
  const texts = [stdout, stderr]
  for (const path of await filesIn(cache)) texts.push(path, await readFile(path, 'latin1'))
  for (const secret of SECRETS) assert.ok(!texts.some((text) => text.includes(secret)), `shows ${secret}`)
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}
