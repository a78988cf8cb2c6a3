import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { FsCredentials } from '../../src/registry/fs-credentials.js'
import { aHelper } from '../registry/support-program.js'
import { anImage } from '../support/an-image.js'
import { type RawRegistry, startRawRegistry } from '../support/raw-registry.js'
import { tempDir } from '../support/temp-dir.js'
import { type PullParts, pulled, refused, withPull } from '../support/with-pull.js'

const USER = { username: 'canary-user', password: 'canary-password' }
const ENTRY = { auth: Buffer.from(`${USER.username}:${USER.password}`).toString('base64') }
const SECRET = /canary/

interface Login {
  /** Docker's configuration, given the registry's host. */
  readonly config: (host: string) => object
  /** What `docker-credential-test` runs. Absent: there is no such program. */
  readonly helper?: (host: string) => string
  readonly auth?: 'bearer' | 'basic'
}

/** A private registry, and what a user of docker has on disk. */
async function loggedIn(
  { config, helper, auth = 'bearer' }: Login,
  use: (parts: PullParts, folder: string) => Promise<void>,
): Promise<void> {
  const folder = await tempDir()
  const registry = await startRawRegistry({ auth: { kind: auth, ...USER } })
  const authFile = join(folder, 'config.json')
  await writeFile(authFile, JSON.stringify(config(registry.host)))
  if (helper !== undefined) await aHelper(folder, 'test', helper(registry.host))
  const credentials = new FsCredentials({ authFile, home: folder, env: { PATH: `${folder}:${process.env.PATH}` } })
  try {
    await withPull({ credentials }, (parts) => use({ ...parts, registry }, folder))
  } finally {
    await registry.close()
  }
}

const answer = (user: string, secret: string) =>
  `cat >/dev/null; echo '${JSON.stringify({ Username: user, Secret: secret })}'`
const helpers = (host: string) => ({ credHelpers: { [host]: 'test' } })

function sawNoSecret({ requests }: RawRegistry): void {
  assert.ok(requests.every(({ headers, body }) => headers.authorization === undefined && !SECRET.test(body)))
}

/** RELIABILITY 7.1 C7 and C9. */
describe('a credential helper', { concurrency: 4 }, () => {
  for (const auth of ['bearer', 'basic'] as const) {
    it(`gives the password that a pull needs (${auth})`, () =>
      loggedIn({ config: helpers, helper: () => answer(USER.username, USER.password), auth }, async (parts) => {
        await pulled(parts.cache, parts.registry.add(await anImage(), 'app', 'v1'))
      }))
  }

  it('is asked once for all images of a registry', () =>
    loggedIn(
      {
        config: helpers,
        helper: () => `echo asked >> "$(dirname "$0")/asked"; ${answer(USER.username, USER.password)}`,
      },
      async ({ registry, cache }, folder) => {
        const images = await Promise.all(['a', 'b', 'c'].map((seed) => anImage({ seed })))
        const { results } = await cache.pull(images.map((image, at) => registry.add(image, `app-${at}`, 'v1')))
        assert.ok(results.every(({ ok }) => ok))
        assert.equal(await readFile(join(folder, 'asked'), 'utf8'), 'asked\n')
      },
    ))

  const FAILURES: Readonly<Record<string, string | undefined>> = {
    'is not installed': undefined,
    'fails, and says why with a secret': 'echo canary-password; echo canary-password >&2; exit 1',
    'answers something else': 'echo canary-password',
    'answers half': 'echo \'{"Username":"canary-user"}\'',
    'answers without end': 'yes canary-password',
    'is killed': 'kill -9 $$',
  }
  for (const [how, script] of Object.entries(FAILURES)) {
    it(`that ${how} ends the pull: neither without credentials nor with others is it tried again`, () =>
      loggedIn(
        {
          config: (host) => ({ ...helpers(host), auths: { [host]: ENTRY, 'https://index.docker.io/v1/': ENTRY } }),
          ...(script !== undefined && { helper: () => script }),
        },
        async ({ registry, cache }) => {
          const failure = await refused(cache, registry.add(await anImage(), 'app', 'v1'), 'CREDENTIALS_FAILED')
          assert.ok(!SECRET.test(JSON.stringify(failure)))
          assert.equal(registry.requests.length, 1)
          sawNoSecret(registry)
        },
      ))
  }

  for (const program of ['../test', '/bin/test', 'a;touch pwned', '$(touch pwned)', 'te st', '', 'TEST', '-v']) {
    it(`with the name ${JSON.stringify(program)} is not run`, () =>
      loggedIn(
        { config: (host) => ({ credHelpers: { [host]: program } }), helper: () => answer('canary', 'canary') },
        async ({ registry, cache }) => {
          const [result] = (await cache.pull([registry.add(await anImage(), 'app', 'v1')])).results
          assert.ok(result !== undefined && !result.ok)
          assert.equal(result.failure.code, program === '' ? 'UNAUTHORIZED' : 'CREDENTIALS_FAILED')
          sawNoSecret(registry)
        },
      ))
  }
})

/** RELIABILITY 7.1 C8. */
describe('a stored password', { concurrency: 4 }, () => {
  const port = (host: string) => host.replace(/^.*:/, '')
  const OWN: Readonly<Record<string, (host: string) => string>> = {
    'the host and its port': (host) => host,
    'the host as an address': (host) => `http://${host}`,
    'the address that docker login writes': (host) => `http://${host}/v1/`,
    'the repository': (host) => `${host}/team/app`,
    'what lies above the repository': (host) => `${host}/team`,
  }
  const OTHERS: Readonly<Record<string, (host: string) => string>> = {
    'another port': (host) => `${host}1`,
    'no port': () => '127.0.0.1',
    'a longer host': (host) => `127.0.0.1.evil.example:${port(host)}`,
    'a host within the user information': (host) => `${host}@evil.example`,
    'the end of the host': (host) => `0.0.1:${port(host)}`,
    'another repository': (host) => `${host}/team/application`,
    'the beginning of the repository’s name': (host) => `${host}/tea`,
    everything: () => '*',
  }
  for (const [key, keyOf] of Object.entries(OWN)) {
    it(`is shown to its registry when it stands under ${key}`, () =>
      loggedIn({ config: (host) => ({ auths: { [keyOf(host)]: ENTRY } }) }, async ({ registry, cache }) => {
        await pulled(cache, registry.add(await anImage(), 'team/app', 'v1'))
      }))
  }
  for (const [key, keyOf] of Object.entries(OTHERS)) {
    it(`is shown to nobody else: not when it stands under ${key}`, () =>
      loggedIn({ config: (host) => ({ auths: { [keyOf(host)]: ENTRY } }) }, async ({ registry, cache }) => {
        await refused(cache, registry.add(await anImage(), 'team/app', 'v1'), 'UNAUTHORIZED')
        sawNoSecret(registry)
      }))
  }
})
