import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HearthError } from '../../src/errors.js'
import type { Credential } from '../../src/registry/credentials.js'
import { HttpRegistry } from '../../src/registry/http-registry.js'
import { MemoryCredentials } from '../../src/registry/memory-credentials.js'
import { parseMirrors } from '../../src/registry/mirrors.js'
import { LOOPBACK_CERTIFICATE, LOOPBACK_KEY } from '../support/loopback-certificate.js'
import { aClient, aSite, authorizations, ME, USERS } from './support-auth.js'
import { aManifest, startRegistry, TokenDesk } from './support-registry.js'
import { type Heard, type Reply, startServer, type TestServer } from './support-server.js'
import { aTransport, everythingIn, fails, failureOf } from './support-wire.js'

describe('credentials', () => {
  it('are not looked up for a registry that asks for none', async () => {
    const registry = await startRegistry({ manifest: await aManifest() })
    const find = () => assert.fail('looked up')
    await aClient({ find }).resolve(registry.reference('a'))
  })

  it('that cannot be looked up fail the request', async () => {
    const { registry } = await aSite()
    const find = () => Promise.reject(new HearthError('CREDENTIALS_FAILED', 'x'))
    await fails(aClient({ find }).resolve(registry.reference('a')), 'CREDENTIALS_FAILED')
  })

  it('do not follow a redirect, and nobody there may ask for them', async () => {
    const cdn = await startServer(() => ({
      status: 401,
      headers: { 'www-authenticate': `Basic realm="x", Bearer realm="http://127.0.0.1:1/"` },
    }))
    const { desk, tokens } = await aSite({ users: USERS })
    const guard = desk.guard(() => tokens.url)
    const registry = await startRegistry({
      manifest: await aManifest(),
      guard: (request) => guard(request) ?? { status: 307, headers: { location: `${cdn.url}/x` } },
    })
    const error = await fails(
      aClient({ [registry.host]: ME, [cdn.host]: ME }).manifest(registry.reference('a')),
      'DENIED',
    )
    assert.equal(error.details.challenge, undefined)
    assert.deepEqual(authorizations(cdn), [undefined])
  })

  it('are not even looked up for where an anonymous request was redirected to', async () => {
    const tokens = await startServer(() => ({ body: '{"token":"t"}' }))
    const challenge = `Basic realm="x", Bearer realm="${tokens.url}/"`
    const cdn = await startServer(() => ({ status: 401, headers: { 'www-authenticate': challenge } }))
    const guard = (): Reply => ({ status: 307, headers: { location: `${cdn.url}/x` } })
    const registry = await startRegistry({ manifest: await aManifest(), guard })
    const client = aClient({ find: () => assert.fail('looked up') })
    await fails(client.manifest(registry.reference('a')), 'DENIED')
    assert.equal(tokens.heard.length, 0)
    assert.equal(cdn.heard.length, 1)
  })

  describe('stay away from a realm', () => {
    const realms: readonly (readonly [string, (tokens: TestServer) => string])[] = [
      ['in the clear', (tokens) => `${tokens.url}/token`],
      ['that is a file', () => 'file:///etc/passwd'],
      ['with user information', (tokens) => `https://127.0.0.1@${tokens.host}/`],
      ['that is the metadata service', () => 'https://169.254.169.254/token'],
      ['on another internal address', () => 'https://10.0.0.1/token'],
      ['that is unreadable', () => 'https://'],
      ['of another owner', () => 'https://auth.evil.example/token'],
    ]
    for (const [what, realm] of realms) {
      it(`${what}, named by an https registry`, async () => {
        const desk = new TokenDesk()
        const tokens = await startServer(desk.handle)
        const tls = { cert: LOOPBACK_CERTIFICATE, key: LOOPBACK_KEY }
        const registry = await startRegistry({
          manifest: await aManifest(),
          guard: desk.guard(() => realm(tokens)),
          tls,
        })
        const client = new HttpRegistry({
          transport: aTransport({ ca: [LOOPBACK_CERTIFICATE], plainHttpHosts: ['*'] }),
          credentials: new MemoryCredentials({ [registry.host]: ME }),
          mirrors: parseMirrors([`r.example=${registry.url}`], { plainHttpHosts: [] }),
        })
        const sources = await client.blobSources(
          { registry: 'r.example', repository: 'a', tag: 'x' },
          (await aManifest()).digest,
        )
        const [source] = sources
        assert.ok(source)
        const challenge = `Bearer realm="${realm(tokens)}",service="x"`
        await fails(client.reauthorize(source, challenge), 'REDIRECT_REFUSED')
        assert.equal(tokens.heard.length, 0)
      })
    }

    it('where the token server redirects to', async () => {
      const evil = await startServer(() => ({ body: '{"token":"t"}' }))
      const tokens = await startServer(() => ({ status: 307, headers: { location: `${evil.url}/x` } }))
      const registry = await startRegistry({
        manifest: await aManifest(),
        guard: new TokenDesk().guard(() => tokens.url),
      })
      await fails(aClient({ [registry.host]: ME }).resolve(registry.reference('a')), 'UNAUTHORIZED')
      assert.ok(authorizations(tokens)[0]?.startsWith('Basic '))
      assert.deepEqual(authorizations(evil), [undefined])
    })

    it('where the token server redirects inwards: nobody is asked at all', async () => {
      const tokens = await startServer(() => ({ status: 302, headers: { location: 'http://169.254.169.254/' } }))
      const registry = await startRegistry({
        manifest: await aManifest(),
        guard: new TokenDesk().guard(() => tokens.url),
      })
      await fails(aClient().resolve(registry.reference('a')), 'REDIRECT_REFUSED')
    })

    it('where the token server redirects out in the clear', async () => {
      const tokens = await startServer(() => ({ status: 302, headers: { location: 'http://auth.evil.example/' } }))
      const guard = new TokenDesk().guard(() => tokens.url)
      const registry = await startRegistry({ manifest: await aManifest(), guard })
      await fails(aClient().resolve(registry.reference('a')), 'REDIRECT_REFUSED')
    })

    it('and refresh tokens are posted to no redirect', async () => {
      const evil = await startServer(() => ({ body: '{"token":"t"}' }))
      const tokens = await startServer(() => ({ status: 307, headers: { location: evil.url } }))
      const registry = await startRegistry({
        manifest: await aManifest(),
        guard: new TokenDesk().guard(() => tokens.url),
      })
      const identity: Credential = { kind: 'identity', token: 'canary' }
      await fails(aClient({ [registry.host]: identity }).resolve(registry.reference('a')), 'PROTOCOL_ERROR')
      assert.equal(evil.heard.length, 0)
    })
  })

  it('go over the one TLS policy: a token server with a bad certificate gets none', async () => {
    const desk = new TokenDesk({ users: USERS })
    const tokens = await startServer(desk.handle, { cert: LOOPBACK_CERTIFICATE, key: LOOPBACK_KEY })
    const registry = await startRegistry({
      manifest: await aManifest(),
      guard: desk.guard(() => `${tokens.url}/token`),
    })
    await fails(aClient({ [registry.host]: ME }).resolve(registry.reference('a')), 'TLS_FAILED')
    assert.equal(tokens.heard.length, 0)
    const trusting = aClient({ [registry.host]: ME }, undefined, { ca: [LOOPBACK_CERTIFICATE] })
    assert.ok(await trusting.resolve(registry.reference('a')))
  })

  it('never show in an error, whatever the servers do with them', async () => {
    const secrets = ['canary-pass', Buffer.from('me:canary-pass').toString('base64'), 'canary-refresh', 'canary-token']
    const echo = (request: Heard) => JSON.stringify([request.headers, request.body, request.path])
    const tokenReplies: ((text: string) => Reply)[] = [
      (text) => ({ status: 401, body: JSON.stringify({ errors: [{ code: 'UNAUTHORIZED', message: text }] }) }),
      (text) => ({ status: 400, body: JSON.stringify({ error: text, error_description: text }) }),
      (text) => ({ body: text }),
      (text) => ({ body: `{"token":"canary-token",${text}` }),
      () => ({ body: '{"token":"canary-token"}' }),
      () => ({ status: 307, headers: { location: 'https://10.0.0.1/?x=canary-token' } }),
    ]
    const identity: Credential = { kind: 'identity', token: 'canary-refresh' }
    for (const reply of tokenReplies) {
      for (const credential of [ME, identity]) {
        const tokens = await startServer((request) => reply(echo(request)))
        const challenge = `Bearer realm="${tokens.url}/",service="x"`
        const guard = (request: Heard): Reply =>
          request.headers.authorization
            ? {
                status: 403,
                body: JSON.stringify({
                  errors: [{ code: 'DENIED', message: `Authorization: ${request.headers.authorization}` }],
                }),
              }
            : { status: 401, headers: { 'www-authenticate': challenge } }
        const registry = await startRegistry({ manifest: await aManifest(), guard })
        const shown = everythingIn(
          await failureOf(aClient({ [registry.host]: credential }).manifest(registry.reference('a'))),
        )
        for (const secret of secrets) assert.ok(!shown.includes(secret), shown)
      }
    }
  })
})
