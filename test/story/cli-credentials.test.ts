/** Who gets to see a credential: the origin it belongs to, as long as it is good there, and nobody else. */
import assert from 'node:assert/strict'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { anImage, type BuiltImage, digestsOf } from '../support/an-image.js'
import { soundBlobs } from '../support/cache-folder.js'
import { type Ended, hearth } from '../support/hearth.js'
import { NOBODY_LISTENS } from '../support/nobody-listens.js'
import { type RawRegistry, type RawRegistryOptions, startRawRegistry } from '../support/raw-registry.js'
import * as steps from '../support/raw-steps.js'
import { tempDir } from '../support/temp-dir.js'

const USER = { username: 'user', password: 'canary-4f1d' }
const BEARER: RawRegistryOptions = { auth: { kind: 'bearer', ...USER } }
const BASIC: RawRegistryOptions = { auth: { kind: 'basic', ...USER } }
const SECRETS = [USER.password, Buffer.from(`${USER.username}:${USER.password}`).toString('base64'), 'test-token-']

interface Stage {
  readonly registry: RawRegistry
  readonly image: BuiltImage
  readonly cache: string
  pull(...options: string[]): Promise<Ended>
}

async function aStage(t: { after(done: () => Promise<void>): void }, options: RawRegistryOptions): Promise<Stage> {
  const registry = await startRawRegistry(options)
  t.after(() => registry.close())
  const image = await anImage({ layers: [{ bytes: 300_000 }, { bytes: 200_000 }, { bytes: 100_000 }, {}] })
  const reference = registry.add(image, 'library/app', '1.0')
  const [cache, auth] = [await tempDir(), join(await tempDir(), 'auth.json')]
  const encoded = Buffer.from(`${USER.username}:${USER.password}`).toString('base64')
  await writeFile(auth, JSON.stringify({ auths: { [registry.host]: { auth: encoded } } }))
  const argv = ['pull', reference, '--cache', cache, '--authfile', auth, '--verbose', '--json', '--retries', '1']
  return { registry, image, cache, pull: (...more) => hearth([...argv, '--platform', 'linux/amd64', ...more]) }
}

async function assertNoSecrets(cache: string, { stdout, stderr }: Ended): Promise<void> {
  const texts = [stdout, stderr]
  for (const entry of await readdir(cache, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) texts.push(await readFile(join(entry.parentPath, entry.name), 'latin1'))
  }
  for (const secret of SECRETS) assert.ok(!texts.some((text) => text.includes(secret)), `shows ${secret}`)
}

const failureOf = ({ stdout }: Ended) => JSON.parse(stdout).results[0].failure

describe('hearth pull with credentials', () => {
  it('asks for another token when one expires in the middle of the run', async (t) => {
    const { registry, image, cache, pull } = await aStage(t, { auth: { kind: 'bearer', ...USER, uses: 2 } })
    const ended = await pull('--jobs', '1')
    assert.equal(ended.exitCode, 0, ended.stderr)
    // A manifest, a config and four layers.
    assert.equal(registry.auth?.issued, 3)
    assert.deepEqual(await soundBlobs(cache), digestsOf(image))
    await assertNoSecrets(cache, ended)
  })

  it('goes on after all tokens were revoked between two blobs', async (t) => {
    const { registry, image, cache, pull } = await aStage(t, BEARER)
    const revoke: steps.Step = (answer) => {
      registry.auth?.revoke()
      return answer
    }
    registry.script({ kind: 'blob', method: 'GET' }, revoke)
    assert.equal((await pull()).exitCode, 0)
    assert.deepEqual(await soundBlobs(cache), digestsOf(image))
  })

  for (const options of [BASIC, BEARER]) {
    it(`sends no Authorization to the host that a ${options.auth?.kind} registry redirects to`, async (t) => {
      const { registry, image, cache, pull } = await aStage(t, options)
      const storage = await startRawRegistry()
      t.after(() => storage.close())
      storage.add(image, 'library/app')
      registry.always(
        { kind: 'blob', method: 'GET' },
        // Only who may read is told where to.
        (answer, context) =>
          answer.status === 200
            ? steps.redirect(({ path }) => `${storage.url}${path}?signature=canary-4f1d`)(answer, context)
            : answer,
      )
      const ended = await pull()
      assert.equal(ended.exitCode, 0, ended.stderr)
      assert.equal(storage.requests.length, digestsOf(image).size - 1)
      for (const { headers } of storage.requests) assert.equal(headers.authorization, undefined)
      assert.deepEqual(await soundBlobs(cache), digestsOf(image))
      await assertNoSecrets(cache, ended)
    })
  }

  it('shows no query of a redirect that fails, for a signature may stand there', async (t) => {
    const { registry, cache, pull } = await aStage(t, BASIC)
    registry.always({ kind: 'blob' }, steps.redirect(`http://${NOBODY_LISTENS}/blob?signature=canary-4f1d`))
    const ended = await pull()
    assert.deepEqual([ended.exitCode, failureOf(ended).code], [5, 'CONNECTION_FAILED'])
    await assertNoSecrets(cache, ended)
  })

  it('ends with DENIED and exit code 7 when the registry knows who asks, and refuses', async (t) => {
    const { registry, cache, pull } = await aStage(t, BASIC)
    registry.always({ kind: 'manifest' }, steps.fail(403, 'DENIED'))
    const ended = await pull()
    assert.deepEqual([ended.exitCode, failureOf(ended).code], [7, 'DENIED'])
    await assertNoSecrets(cache, ended)
  })

  it('shows no secret that a registry echoes in its error', async (t) => {
    const { registry, cache, pull } = await aStage(t, BASIC)
    registry.always({ kind: 'manifest' }, (answer, { request }) =>
      steps.fail(403, `DENIED ${request.headers.authorization}`)(answer, { request, whole: () => answer }),
    )
    await assertNoSecrets(cache, await pull())
  })

  it('tells the password to no token server of another host', async (t) => {
    const { registry, cache, pull } = await aStage(t, BASIC)
    const thief = await startRawRegistry()
    t.after(() => thief.close())
    registry.always({}, steps.unauthorized(`Bearer realm="http://localhost.example:${thief.port}/token",service="x"`))
    const ended = await pull()
    assert.equal(ended.exitCode, 5, ended.stderr)
    assert.equal(failureOf(ended).code, 'REDIRECT_REFUSED')
    assert.deepEqual(thief.requests, [])
    await assertNoSecrets(cache, ended)
  })
})
