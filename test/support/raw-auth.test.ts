import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { anImage } from './an-image.js'
import { ask } from './ask.js'
import type { AuthOptions } from './raw-auth.js'
import { type RawRegistry, startRawRegistry } from './raw-registry.js'

const IMAGE = await anImage()
const BASIC = `Basic ${Buffer.from('user:pass').toString('base64')}`

async function start(auth: AuthOptions): Promise<RawRegistry> {
  const registry = await startRawRegistry({ auth })
  after(() => registry.close())
  registry.add(IMAGE, 'a/b', '1')
  registry.add(IMAGE, 'c', '1')
  return registry
}

async function statusOf(registry: RawRegistry, repository: string, authorization?: string): Promise<number> {
  const { status } = await ask(`${registry.url}/v2/${repository}/manifests/1`, {
    headers: authorization === undefined ? {} : { Authorization: authorization },
  })
  return status
}

async function tokenFor(registry: RawRegistry, query: string, authorization?: string): Promise<string> {
  const { status, body } = await ask(`${registry.url}/token?${query}`, {
    headers: authorization === undefined ? {} : { Authorization: authorization },
  })
  assert.equal(status, 200)
  return `Bearer ${JSON.parse(body.toString()).token}`
}

describe('basic authentication of the raw registry', () => {
  it('lets in the one user, and challenges everybody else', async () => {
    const registry = await start({ kind: 'basic', username: 'user', password: 'pass' })
    assert.equal(await statusOf(registry, 'c', BASIC), 200)
    assert.equal(await statusOf(registry, 'c', 'Basic eDp5'), 401)
    const { status, headers } = await ask(`${registry.url}/v2/`)
    assert.deepEqual([status, headers['www-authenticate']], [401, 'Basic realm="hearth test"'])
  })
})

describe('token authentication of the raw registry', () => {
  it('names realm, service and scope in its challenge', async () => {
    const registry = await start({ kind: 'bearer' })
    const { headers } = await ask(`${registry.url}/v2/a/b/manifests/1`)
    const realm = `realm="${registry.url}/token",service="hearth-test"`
    assert.equal(headers['www-authenticate'], `Bearer ${realm},scope="repository:a/b:pull"`)
  })

  it('serves with a token the repositories it was asked for, and no other', async () => {
    const registry = await start({ kind: 'bearer' })
    const narrow = await tokenFor(registry, 'scope=repository:a/b:pull')
    assert.deepEqual([await statusOf(registry, 'a/b', narrow), await statusOf(registry, 'c', narrow)], [200, 401])
    const wide = await tokenFor(registry, 'scope=repository:a/b:pull&scope=repository:c:pull')
    assert.deepEqual([await statusOf(registry, 'a/b', wide), await statusOf(registry, 'c', wide)], [200, 200])
    assert.equal(registry.auth?.issued, 2)
    assert.equal(registry.requestsFor({ kind: 'token' }).length, 2)
  })

  it('gives tokens to its user alone, when it has one', async () => {
    const registry = await start({ kind: 'bearer', username: 'user', password: 'pass' })
    assert.equal((await ask(`${registry.url}/token?scope=repository:c:pull`)).status, 401)
    assert.equal(await statusOf(registry, 'c', await tokenFor(registry, 'scope=repository:c:pull', BASIC)), 200)
  })

  it('refuses tokens that were revoked or used up', async () => {
    const registry = await start({ kind: 'bearer', uses: 2 })
    const token = await tokenFor(registry, 'scope=repository:c:pull')
    const statuses = [await statusOf(registry, 'c', token), await statusOf(registry, 'c', token)]
    assert.deepEqual([...statuses, await statusOf(registry, 'c', token)], [200, 200, 401])
    const other = await tokenFor(registry, 'scope=repository:c:pull')
    registry.auth?.revoke()
    assert.equal(await statusOf(registry, 'c', other), 401)
  })

  it('counts a scripted answer as one use', async () => {
    const registry = await start({ kind: 'bearer', uses: 2 })
    const token = await tokenFor(registry, 'scope=repository:c:pull')
    registry.script({ kind: 'manifest' }, (_, { whole }) => whole())
    assert.deepEqual([await statusOf(registry, 'c', token), await statusOf(registry, 'c', token)], [200, 200])
  })

  it('has the OAuth2 form when there is a refresh token', async () => {
    const registry = await start({ kind: 'bearer', refreshToken: 'r', expiresInSeconds: 60, fields: ['access_token'] })
    const post = (body: string) => ask(`${registry.url}/token`, { method: 'POST', body })
    const scope = 'service=hearth-test&scope=repository:a/b:pull%20repository:c:pull'
    assert.equal((await post(`grant_type=refresh_token&refresh_token=x&${scope}`)).status, 401)
    const { body } = await post(`grant_type=refresh_token&refresh_token=r&${scope}`)
    const { access_token: token, expires_in: seconds, token: absent } = JSON.parse(body.toString())
    assert.deepEqual([seconds, absent], [60, undefined])
    assert.equal(await statusOf(registry, 'c', `Bearer ${token}`), 200)
    const without = await start({ kind: 'bearer' })
    assert.equal((await ask(`${without.url}/token`, { method: 'POST', body: scope })).status, 404)
  })
})
