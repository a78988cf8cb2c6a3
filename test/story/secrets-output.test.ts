import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { startProxy } from '../support/a-proxy.js'
import { anImage, type BuiltImage } from '../support/an-image.js'
import { contentOf } from '../support/blob-content.js'
import { NOBODY_LISTENS } from '../support/nobody-listens.js'
import { anAnswer } from '../support/raw-answer.js'
import type { BearerAuth } from '../support/raw-auth.js'
import { type RawRegistry, startRawRegistry } from '../support/raw-registry.js'
import * as steps from '../support/raw-steps.js'
import { type HearthRun, runHearth } from '../support/run-hearth.js'
import { tempDir } from '../support/temp-dir.js'

const USER = { username: 'canary-user', password: 'canary-password' }
const REFRESH_TOKEN = 'canary-refresh-token'
const ENCODED = Buffer.from(`${USER.username}:${USER.password}`).toString('base64')
const BEARER: BearerAuth = { kind: 'bearer', ...USER, refreshToken: REFRESH_TOKEN, prefix: 'canary-token-' }
const SIGNED = '?X-Amz-Signature=canary-signature&token=canary-query'
const SECRETS = ['canary', ENCODED, encodeURIComponent(ENCODED)]

interface Scene {
  readonly registry: RawRegistry
  /** Where blobs live that the registry redirects to. */
  readonly storage: RawRegistry
  readonly folder: string
  readonly cache: string
  /** Of the image. */
  readonly name: string
  readonly entry: (entry: object) => Promise<string>
}

let image: BuiltImage
before(async () => {
  image = await anImage({ layers: [{ bytes: 50_000 }] })
})

/** A private registry that redirects blobs to signed addresses, and a user who is logged in. */
async function onScene(auth: BearerAuth | { kind: 'basic' }, use: (scene: Scene) => Promise<void>): Promise<void> {
  const folder = await tempDir()
  const registry = await startRawRegistry({ auth: auth.kind === 'basic' ? { ...auth, ...USER } : auth })
  const storage = await startRawRegistry()
  const name = registry.add(image, 'app', 'v1')
  storage.add(image, 'app')
  const entry = async (entry: object) => {
    const path = join(folder, 'auth.json')
    await writeFile(path, JSON.stringify({ auths: { [registry.host]: entry } }))
    return path
  }
  try {
    await use({ registry, storage, folder, cache: join(folder, 'cache'), name, entry })
  } finally {
    await registry.close()
    await storage.close()
  }
}

const pull = async ({ cache, name, folder }: Scene, authFile: string, ...more: string[]): Promise<HearthRun> => {
  const argv = ['pull', '--cache', cache, '--authfile', authFile, '--retries', '0', '--verbose', ...more, name]
  return runHearth(argv, { env: { HOME: folder } })
}

/** What was written anywhere: both outputs, and every byte of the cache, names included. */
async function holdsNoSecret(run: HearthRun, { cache }: Scene): Promise<void> {
  const written: Record<string, string> = { stdout: run.stdout, stderr: run.stderr }
  for (const entry of await readdir(cache, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    written[path] = path + (entry.isFile() ? await readFile(path, 'latin1') : '')
  }
  for (const [where, text] of Object.entries(written)) {
    for (const secret of SECRETS) assert.ok(!text.includes(secret), `${secret} in ${where}: ${text.slice(0, 2000)}`)
  }
}

const signedAt = (url: string) => steps.redirect(({ path }) => `${url}${path}${SIGNED}`)
const signedUrl = ({ storage }: Scene) => signedAt(storage.url)
/** The server repeats all that it was sent, in as many words as an error has. */
const echo = (status: number): steps.Step => {
  return (_, { request: { headers, query, body, path } }) => {
    const { authorization = '' } = headers
    const bare = authorization.replace(/^\w+ /, '')
    const text = `${path}?${query} ${body} ${authorization} ${bare} ${Buffer.from(bare, 'base64')}`
    const errors = [{ code: 'DENIED', message: text, detail: text }]
    return anAnswer({
      status,
      headers: { 'X-Echo': text.replace(/[^\x20-\x7e]/g, ''), 'Content-Type': 'application/json' },
      body: contentOf(Buffer.from(JSON.stringify({ errors, error: 'invalid_grant', error_description: text }))),
    })
  }
}

describe('a pull that succeeds writes no secret', { concurrency: 3 }, () => {
  const ways: Readonly<Record<string, [BearerAuth | { kind: 'basic' }, object]>> = {
    'with a password for tokens': [BEARER, { auth: ENCODED }],
    'with a refresh token': [BEARER, { identitytoken: REFRESH_TOKEN }],
    'with a password': [{ kind: 'basic' }, { auth: ENCODED }],
  }
  for (const [way, [auth, entry]] of Object.entries(ways)) {
    for (const format of ['--json', '--no-progress']) {
      it(`${way} and ${format}`, () =>
        onScene(auth, async (scene) => {
          scene.registry.always({ kind: 'blob', method: 'GET' }, signedUrl(scene))
          const run = await pull(scene, await scene.entry(entry), format)
          assert.equal(run.exitCode, 0, run.stderr)
          assert.ok(scene.storage.requests.every(({ query }) => query.get('token') === 'canary-query'))
          await holdsNoSecret(run, scene)
          // The log as it is shown: on disk it may be compressed.
          await holdsNoSecret(await runHearth(['log', '--json', '--cache', scene.cache]), scene)
        }))
    }
  }
})

describe('a pull that fails writes no secret', { concurrency: 3 }, () => {
  const failures: Readonly<Record<string, (scene: Scene) => void>> = {
    'when the token server refuses and repeats': ({ registry }) => registry.always({ kind: 'token' }, echo(401)),
    'when the token server answers something else': ({ registry }) => registry.always({ kind: 'token' }, echo(200)),
    'when the token server breaks off': ({ registry }) => registry.always({ kind: 'token' }, steps.finAfter(20)),
    'when the token server redirects': ({ registry }) =>
      registry.always({ kind: 'token' }, steps.redirect(`https://10.0.0.1/${SIGNED}`)),
    'when the manifest is denied': ({ registry }) => registry.script({ kind: 'manifest' }, steps.normal(), echo(403)),
    'when the manifest is refused again and again': ({ registry }) =>
      registry.always({ kind: 'manifest' }, steps.unauthorized(`Bearer realm="${registry.url}/token${SIGNED}"`)),
    'when the manifest is broken': ({ registry }) => registry.script({ kind: 'manifest' }, steps.normal(), echo(200)),
    'when the blob is denied': ({ registry }) => registry.always({ kind: 'blob' }, echo(403)),
    'when the blob is refused again and again': ({ registry }) =>
      registry.always({ kind: 'blob' }, steps.unauthorized(`Bearer realm="${registry.url}/token${SIGNED}"`)),
    'when the blob is unavailable': ({ registry }) => registry.always({ kind: 'blob' }, echo(500)),
    'when the storage denies': ({ storage }) => storage.always({}, echo(403)),
    'when the storage breaks off': ({ storage }) => storage.always({}, steps.finAfter(1000)),
    'when the storage has other bytes': ({ storage }) => storage.always({}, steps.wrongByte(30)),
    'when the storage speaks no HTTP': ({ storage }) => storage.always({}, steps.raw('canary-password\r\n\r\n')),
    'when the storage redirects on': ({ storage }) =>
      storage.always({}, steps.redirect(`https://canary-user:canary-password@example.com/${SIGNED}`)),
    'when the storage redirects to nothing': ({ storage }) =>
      storage.always({}, steps.redirect(`http://[canary-token/${SIGNED}`)),
  }
  for (const [when, arrange] of Object.entries(failures)) {
    it(when, () =>
      onScene(BEARER, async (scene) => {
        arrange(scene)
        scene.registry.always({ kind: 'blob', method: 'GET' }, signedUrl(scene))
        const run = await pull(scene, await scene.entry({ auth: ENCODED }), '--json')
        assert.notEqual(run.exitCode, 0)
        await holdsNoSecret(run, scene)
      }),
    )
  }

  it('when the storage is gone', () =>
    onScene(BEARER, async (scene) => {
      scene.registry.always({ kind: 'blob', method: 'GET' }, signedAt(`http://${NOBODY_LISTENS}`))
      const run = await pull(scene, await scene.entry({ auth: ENCODED }), '--json')
      assert.equal(JSON.parse(run.stdout).results[0].failure.code, 'CONNECTION_FAILED')
      await holdsNoSecret(run, scene)
    }))

  for (const [what, entry] of Object.entries({
    'the password is wrong': { username: USER.username, password: 'canary-wrong' },
    'the refresh token is wrong': { identitytoken: 'canary-wrong' },
    'the entry is broken': { auth: 'canary-password' },
  })) {
    it(`when ${what}`, () =>
      onScene(BEARER, async (scene) => {
        const run = await pull(scene, await scene.entry(entry), '--json')
        assert.equal(run.exitCode, 7, run.stderr)
        await mkdir(scene.cache, { recursive: true })
        await holdsNoSecret(run, scene)
      }))
  }

  it('when a proxy with a password refuses', () =>
    onScene(BEARER, async (scene) => {
      const proxy = await startProxy({})
      const url = `http://canary-user:canary-password@${proxy.host}`
      const argv = ['pull', '--cache', scene.cache, '--retries', '0', '--verbose', '--json', 'registry.example/app:v1']
      const run = await runHearth(argv, { env: { HOME: scene.folder, HTTPS_PROXY: url, https_proxy: url } })
      assert.equal(run.exitCode, 5)
      assert.equal(proxy.asked[0]?.authorization, `Basic ${ENCODED}`)
      await holdsNoSecret(run, scene)
      await proxy.close()
    }))

  it('when a mirror with a password is refused', () =>
    onScene(BEARER, async (scene) => {
      const mirror = `${scene.registry.host}=https://canary-user:canary-password@example.com`
      const run = await pull(scene, await scene.entry({}), '--json', '--mirror', mirror)
      assert.equal(run.exitCode, 2)
      await mkdir(scene.cache, { recursive: true })
      await holdsNoSecret(run, scene)
    }))
})
