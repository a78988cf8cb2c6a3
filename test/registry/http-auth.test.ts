import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Credential } from '../../src/registry/credentials.js'
import { aClient, aSite, authorizations, ME, USERS } from './support-auth.js'
import { aManifest, startRegistry, TokenDesk } from './support-registry.js'
import { type Heard, type Reply, startServer } from './support-server.js'
import { fails } from './support-wire.js'

describe('Bearer authentication', () => {
  it('gets a token for one repository to read, anonymously, and says for which service', async () => {
    const { registry, desk } = await aSite()
    await aClient().resolve(registry.reference('a/b'))
    const asked = new URL(desk.asked[0]?.path ?? '', 'http://x')
    assert.equal(asked.pathname, '/token')
    assert.equal(asked.searchParams.get('service'), 'test registry')
    assert.deepEqual(asked.searchParams.getAll('scope'), ['repository:a/b:pull'])
    assert.equal(desk.asked[0]?.headers.authorization, undefined)
    assert.deepEqual(authorizations(registry), [undefined, 'Bearer token-1'])
  })

  it('shows its password to the token server, and only there', async () => {
    const { registry, desk } = await aSite({ users: USERS })
    await aClient({ [registry.host]: ME }).resolve(registry.reference('a'))
    assert.equal(desk.asked[0]?.headers.authorization, `Basic ${Buffer.from('me:canary-pass').toString('base64')}`)
    assert.deepEqual(authorizations(registry), [undefined, 'Bearer token-1'])
  })

  it('reads access_token as well', async () => {
    const { registry } = await aSite({ tokenField: 'access_token' })
    await aClient().resolve(registry.reference('a'))
  })

  it('keeps the query of the realm', async () => {
    const { registry, desk } = await aSite({}, ({ url }) => `${url}/token?tenant=x`)
    await aClient().resolve(registry.reference('a'))
    assert.equal(new URL(desk.asked[0]?.path ?? '', 'http://x').searchParams.get('tenant'), 'x')
  })

  it('turns an identity token into a token by OAuth2', async () => {
    const { registry, desk } = await aSite({ refreshTokens: ['canary-refresh'], tokenField: 'access_token' })
    await aClient({ [registry.host]: { kind: 'identity', token: 'canary-refresh' } }).resolve(registry.reference('a'))
    const [asked] = desk.asked
    assert.equal(asked?.method, 'POST')
    assert.equal(asked?.path, '/token')
    assert.deepEqual(Object.fromEntries(new URLSearchParams(asked?.body)), {
      grant_type: 'refresh_token',
      client_id: 'hearth',
      service: 'test registry',
      scope: 'repository:a:pull',
      refresh_token: 'canary-refresh',
    })
  })

  it('sends a registry token as it is', async () => {
    const { registry, desk } = await aSite()
    desk.valid.set('mine', 'repository:a:pull')
    await aClient({ [registry.host]: { kind: 'bearer', token: 'mine' } }).resolve(registry.reference('a'))
    assert.deepEqual(authorizations(registry), [undefined, 'Bearer mine'])
    assert.equal(desk.asked.length, 0)
  })

  it('asks for one token however many requests want it', async () => {
    const { registry, desk } = await aSite()
    const client = aClient()
    const reference = registry.reference('a')
    await Promise.all(
      Array.from({ length: 10 }, (_, at) => (at % 2 ? client.resolve(reference) : client.manifest(reference))),
    )
    await client.resolve(reference)
    assert.equal(desk.asked.length, 1)
  })

  it('never uses the token of one repository for another', async () => {
    const { registry, desk } = await aSite()
    const client = aClient()
    for (const repository of ['a', 'b', 'a/b']) await client.resolve(registry.reference(repository))
    for (const { path, headers } of registry.heard) {
      const token = headers.authorization?.slice('Bearer '.length)
      if (token !== undefined) assert.equal(path, `/v2/${desk.valid.get(token)?.split(':')[1]}/manifests/latest`)
    }
    assert.equal(desk.asked.length, 3)
  })

  it('saves the question for each further repository of a registry that has asked once', async () => {
    const { registry } = await aSite()
    const client = aClient()
    await client.resolve(registry.reference('a'))
    await client.resolve(registry.reference('b'))
    assert.deepEqual(authorizations(registry), [undefined, 'Bearer token-1', 'Bearer token-2'])
  })

  it('replaces a token before it ends, by its own clock', async () => {
    const { registry, desk } = await aSite({ extra: { expires_in: 300, issued_at: '1999-01-01T00:00:00Z' } })
    const clock = { now: 0 }
    const client = aClient({}, clock)
    await client.resolve(registry.reference('a'))
    clock.now = 289_000
    await client.resolve(registry.reference('a'))
    assert.equal(desk.asked.length, 1)
    clock.now = 291_000
    await client.resolve(registry.reference('a'))
    assert.equal(desk.asked.length, 2)
    assert.equal(registry.heard.length, 4)
  })

  it('replaces a token that the registry no longer takes, once', async () => {
    const { registry, desk } = await aSite()
    const client = aClient()
    await client.resolve(registry.reference('a'))
    desk.valid.clear()
    await client.resolve(registry.reference('a'))
    assert.deepEqual(authorizations(registry), [undefined, 'Bearer token-1', 'Bearer token-1', 'Bearer token-2'])
  })

  it('gives up when the fresh token is refused as well', async () => {
    const { registry, desk } = await aSite()
    const client = aClient()
    desk.valid.set = () => desk.valid
    const error = await fails(client.manifest(registry.reference('a')), 'UNAUTHORIZED')
    assert.equal(error.details.host, registry.host)
    assert.equal(error.details.step, 'manifest')
    assert.equal(registry.heard.length, 2)
  })

  it('asks for the scope that a registry names for the repository, but for no more than to read one', async () => {
    for (const [named, expected] of [
      ['repository:other/name:pull', 'repository:other/name:pull'],
      ['repository:a:pull,push', 'repository:a:pull'],
      ['repository:a:*', 'repository:a:pull'],
      ['registry:catalog:*', 'repository:a:pull'],
      ['repository:a:pull repository:b:push', 'repository:a:pull'],
    ]) {
      const desk = new TokenDesk()
      const tokens = await startServer(desk.handle)
      const guard = ({ headers }: Heard): Reply | undefined =>
        headers.authorization === undefined
          ? { status: 401, headers: { 'www-authenticate': `Bearer realm="${tokens.url}/",scope="${named}"` } }
          : undefined
      const registry = await startRegistry({ manifest: await aManifest(), guard })
      await aClient().resolve(registry.reference('a'))
      assert.deepEqual([...desk.valid.values()], [expected])
    }
  })

  it('lets one caller of a shared token leave', async () => {
    let answer: (() => void) | undefined
    const tokens = await startServer((_, response) => {
      answer = () => response.end('{"token":"t"}')
      return undefined
    })
    const guard = ({ headers }: Heard): Reply | undefined =>
      headers.authorization
        ? undefined
        : { status: 401, headers: { 'www-authenticate': `Bearer realm="${tokens.url}/"` } }
    const registry = await startRegistry({ manifest: await aManifest(), guard })
    const client = aClient()
    const controller = new AbortController()
    const leaving = client.resolve(registry.reference('a'), { signal: controller.signal })
    const staying = client.resolve(registry.reference('a'))
    while (answer === undefined || registry.heard.length < 2) await new Promise((resolve) => setImmediate(resolve))
    controller.abort()
    await fails(leaving, 'ABORTED')
    answer()
    assert.ok(await staying)
    assert.equal(tokens.heard.length, 1)
  })

  for (const [what, reply, code] of [
    ['refuses', { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } }, 'UNAUTHORIZED'],
    ['answers 400 invalid_grant', { status: 400, body: '{"error":"invalid_grant"}' }, 'UNAUTHORIZED'],
    ['denies', { status: 403 }, 'DENIED'],
    ['has enough', { status: 429, headers: { 'retry-after': '9' } }, 'TOOMANYREQUESTS'],
    ['is down', { status: 503 }, 'REGISTRY_UNAVAILABLE'],
    ['answers a page', { body: '<html>' }, 'PROTOCOL_ERROR'],
    ['answers more than a MiB', { body: JSON.stringify({ token: 't', x: 'x'.repeat(1024 * 1024) }) }, 'PROTOCOL_ERROR'],
  ] as const) {
    it(`fails with ${code} when the token server ${what}`, async () => {
      const tokens = await startServer(() => reply)
      const guard = new TokenDesk().guard(() => tokens.url)
      const registry = await startRegistry({ manifest: await aManifest(), guard })
      const error = await fails(aClient({ [registry.host]: ME }).resolve(registry.reference('a')), code)
      assert.equal(error.details.step, 'token')
      assert.equal(error.details.host, tokens.host)
      assert.equal(error.details.challenge, undefined)
      assert.equal(tokens.heard.length, 1)
    })
  }

  it('takes a token answer of a MiB', async () => {
    const frame = JSON.stringify({ token: 't', x: '' }).length
    const tokens = await startServer(() => ({
      body: JSON.stringify({ token: 't', x: 'x'.repeat(1024 * 1024 - frame) }),
    }))
    const desk = new TokenDesk()
    desk.valid.set('t', 'repository:a:pull')
    const registry = await startRegistry({ manifest: await aManifest(), guard: desk.guard(() => tokens.url) })
    assert.ok(await aClient().resolve(registry.reference('a')))
  })
})

describe('Basic authentication', () => {
  const guard = ({ headers }: Heard): Reply | undefined =>
    headers.authorization === `Basic ${Buffer.from('me:canary-pass').toString('base64')}`
      ? undefined
      : { status: 401, headers: { 'WWW-Authenticate': 'Basic realm="x"' } }

  it('sends the password after it was asked, and unasked from then on', async () => {
    const registry = await startRegistry({ manifest: await aManifest(), guard })
    const client = aClient({ [registry.host]: ME })
    await client.resolve(registry.reference('a'))
    await client.resolve(registry.reference('b'))
    assert.deepEqual(authorizations(registry).map(Boolean), [false, true, true])
  })

  it('is UNAUTHORIZED without a credential, with a wrong one, and with one of another registry', async () => {
    const registry = await startRegistry({ manifest: await aManifest(), guard })
    const wrong: Credential = { ...ME, password: 'wrong' }
    for (const known of [
      {},
      { [registry.host]: wrong },
      { '127.0.0.1': ME, localhost: ME, [`${registry.host}1`]: ME },
    ]) {
      await fails(aClient(known).manifest(registry.reference('a')), 'UNAUTHORIZED')
    }
    const sent = `Basic ${Buffer.from('me:wrong').toString('base64')}`
    assert.deepEqual(authorizations(registry), [undefined, undefined, sent, undefined])
  })

  it('cannot use an identity token', async () => {
    const registry = await startRegistry({ manifest: await aManifest(), guard })
    const client = aClient({ [registry.host]: { kind: 'identity', token: 't' } })
    const { details } = await fails(client.manifest(registry.reference('a')), 'UNAUTHORIZED')
    assert.equal(details.reason, 'IDENTITY_TOKEN')
    assert.equal((await fails(aClient().manifest(registry.reference('a')), 'UNAUTHORIZED')).details.reason, undefined)
  })

  it('is passed over for Bearer where both are offered', async () => {
    const desk = new TokenDesk({ users: USERS })
    const tokens = await startServer(desk.handle)
    const bearer = desk.guard(() => tokens.url)
    const registry = await startRegistry({
      manifest: await aManifest(),
      guard: (request) => {
        const reply = bearer(request)
        const offer = `Basic realm="a, b", ${reply?.headers?.['www-authenticate']}`
        return reply && { ...reply, headers: { 'www-authenticate': offer } }
      },
    })
    await aClient({ [registry.host]: ME }).resolve(registry.reference('a'))
    assert.equal(authorizations(registry)[1], 'Bearer token-1')
  })
})
