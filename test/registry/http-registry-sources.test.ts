import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { BlobSource } from '../../src/oci/blob-source.js'
import type { Credential } from '../../src/registry/credentials.js'
import { HttpRegistry } from '../../src/registry/http-registry.js'
import { MemoryCredentials } from '../../src/registry/memory-credentials.js'
import { parseMirrors } from '../../src/registry/mirrors.js'
import { NOBODY_LISTENS } from '../support/nobody-listens.js'
import { aManifest, startRegistry, TokenDesk } from './support-registry.js'
import { startServer } from './support-server.js'
import { aTransport, fails, failureOf } from './support-wire.js'

const ME: Credential = { kind: 'basic', username: 'me', password: 'pass' }

function aClient(mirrors: readonly string[] = [], known: Readonly<Record<string, Credential>> = {}): HttpRegistry {
  return new HttpRegistry({
    transport: aTransport(),
    credentials: new MemoryCredentials(known),
    mirrors: parseMirrors(mirrors, { plainHttpHosts: [] }),
  })
}

describe('HttpRegistry with mirrors', async () => {
  const manifest = await aManifest()
  const other = await aManifest(200)

  it('asks the mirror, and the registry not at all', async () => {
    const origin = await startRegistry({ manifest })
    const mirror = await startRegistry({ manifest })
    await aClient([`${origin.host}=${mirror.url}/cache`]).manifest(origin.reference('a'))
    assert.equal(mirror.heard[0]?.path, '/v2/cache/a/manifests/latest')
    assert.equal(origin.heard.length, 0)
  })

  it('goes on to the next one, and at last to the registry, whatever is wrong', async () => {
    const origin = await startRegistry({ manifest })
    const broken = [
      await startServer(() => ({ status: 500 })),
      await startServer(() => ({ status: 404 })),
      await startServer(() => ({
        status: 401,
        headers: { 'www-authenticate': 'Bearer realm="https://169.254.169.254/"' },
      })),
      await startServer(() => ({ body: '<html>' })),
      await startRegistry({ manifest: { ...other, digest: manifest.digest } }),
      await startServer(() => ({ status: 302, headers: { location: 'http://169.254.169.254/' } })),
    ]
    const urls = [...broken.map(({ url }) => url), `http://${NOBODY_LISTENS}`]
    const client = aClient(urls.map((url) => `${origin.host}=${url}`))
    assert.equal((await client.manifest(origin.reference('a'))).descriptor.digest, manifest.digest)
    assert.equal(
      (await client.manifest(origin.reference('a'), { digest: manifest.digest })).descriptor.digest,
      manifest.digest,
    )
    for (const { heard } of broken) assert.ok(heard.length >= 2)
  })

  it('reports the error of the registry, not of the mirror', async () => {
    const origin = await startServer(() => ({ status: 403 }))
    const mirror = await startServer(() => ({ status: 500 }))
    const client = aClient([`*=${mirror.url}`])
    const error = await fails(client.resolve({ registry: origin.host, repository: 'a', tag: 'b' }), 'DENIED')
    assert.equal(error.details.host, origin.host)
  })

  it('names the mirror behind it, unless the question was whether there is such a manifest', async () => {
    const origin = await startServer(() => ({ status: 404 }))
    const mirror = await startServer(() => ({ status: 503 }))
    const client = aClient([`*=${mirror.url}`])
    const reference = { registry: origin.host, repository: 'a', tag: 'b' }
    for (const step of ['resolve', 'manifest', 'tags'] as const) {
      const { details } = await failureOf(client[step](reference))
      assert.deepEqual([details.host, details.mirror, details.mirrorRetryAfterMs], [origin.host, mirror.host, 0])
    }
    const { details } = await fails(client.resolve(reference, { mayBeMissing: true }), 'MANIFEST_UNKNOWN')
    assert.equal(details.mirrorRetryAfterMs, undefined)
  })

  it('does not go on once its caller has aborted', async () => {
    const controller = new AbortController()
    const origin = await startRegistry({ manifest })
    const mirror = await startServer(() => {
      controller.abort()
      return undefined
    })
    const client = aClient([`*=${mirror.url}`])
    await fails(client.resolve(origin.reference('a'), { signal: controller.signal }), 'ABORTED')
    assert.equal(origin.heard.length, 0)
  })

  it('shows each one its own credentials', async () => {
    const challenge = { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } }
    const [origin, mirror] = [await startServer(() => challenge), await startServer(() => challenge)]
    const known: Record<string, Credential> = {
      [mirror.host]: { ...ME, username: 'mirror' },
      [origin.host]: { ...ME, username: 'origin' },
    }
    const reference = { registry: origin.host, repository: 'a', tag: 'b' }
    await fails(aClient([`*=${mirror.url}`], known).manifest(reference), 'UNAUTHORIZED')
    for (const [server, user] of [
      [mirror, 'mirror'],
      [origin, 'origin'],
    ] as const) {
      const sent = server.heard.map(({ headers }) => headers.authorization)
      assert.deepEqual(sent, [undefined, `Basic ${Buffer.from(`${user}:pass`).toString('base64')}`])
    }
  })
})

describe('HttpRegistry.blobSources', async () => {
  const manifest = await aManifest()
  const { digest } = manifest

  it('names the places in order, without credentials where nothing was asked for', async () => {
    const reference = { registry: 'quay.io', repository: 'a/b', tag: 'c' }
    const mirrors = ['quay.io=http://127.0.0.1:5001/quay', '*=https://m.example', 'ghcr.io=https://other.example']
    assert.deepEqual(await aClient(mirrors).blobSources(reference, digest), [
      { url: `http://127.0.0.1:5001/v2/quay/a/b/blobs/${digest}`, host: '127.0.0.1:5001', headers: {} },
      { url: `https://m.example/v2/a/b/blobs/${digest}`, host: 'm.example', headers: {} },
      { url: `https://quay.io/v2/a/b/blobs/${digest}`, host: 'quay.io', headers: {} },
    ])
  })

  it('brings the token of the repository once the registry has asked for one', async () => {
    const desk = new TokenDesk()
    const tokens = await startServer(desk.handle)
    const registry = await startRegistry({ manifest, guard: desk.guard(() => tokens.url) })
    const client = aClient()
    await client.manifest(registry.reference('a'))
    const [a] = await client.blobSources(registry.reference('a'), digest)
    const [b] = await client.blobSources(registry.reference('b'), digest)
    assert.equal(a?.headers.authorization, 'Bearer token-1')
    assert.equal(desk.valid.get('token-2'), 'repository:b:pull')
    assert.equal(b?.headers.authorization, 'Bearer token-2')
  })

  it('gives a source without a token when there is none to be had just now', async () => {
    let down = false
    const desk = new TokenDesk()
    const tokens = await startServer((request) => (down ? { status: 503 } : desk.handle(request)))
    const registry = await startRegistry({ manifest, guard: desk.guard(() => tokens.url) })
    const client = aClient()
    await client.manifest(registry.reference('a'))
    down = true
    assert.deepEqual((await client.blobSources(registry.reference('b'), digest))[0]?.headers, {})
  })

  it('is plain data that a thread can be given', async () => {
    const [source] = await aClient().blobSources({ registry: 'r.example', repository: 'a', tag: 'b' }, digest)
    assert.deepEqual(structuredClone(source), source)
  })
})

describe('HttpRegistry.reauthorize', async () => {
  const manifest = await aManifest()
  const { digest } = manifest
  /** A registry behind a token desk, and a source for a blob of it. */
  async function aSource() {
    const desk = new TokenDesk()
    const tokens = await startServer(desk.handle)
    const registry = await startRegistry({ manifest, guard: desk.guard(() => tokens.url) })
    const client = aClient()
    const [source] = await client.blobSources(registry.reference('a/b'), digest)
    assert.ok(source)
    return { client, desk, source, challenge: `Bearer realm="${tokens.url}/",service="x",scope="repository:a/b:pull"` }
  }

  it('gives the same source with a token', async () => {
    const { client, desk, source, challenge } = await aSource()
    const fresh = await client.reauthorize(source, challenge)
    assert.deepEqual(fresh, { ...source, headers: { authorization: 'Bearer token-1' } })
    assert.deepEqual([...desk.valid.values()], ['repository:a/b:pull'])
  })

  it('replaces a token that was refused', async () => {
    const { client, source, challenge } = await aSource()
    const first = await client.reauthorize(source, challenge)
    const second = await client.reauthorize(first, challenge)
    assert.equal(second.headers.authorization, 'Bearer token-2')
  })

  it('replaces it once for all who were refused with it', async () => {
    const { client, desk, source, challenge } = await aSource()
    const first = await client.reauthorize(source, challenge)
    const fresh = await Promise.all(Array.from({ length: 10 }, () => client.reauthorize(first, challenge)))
    assert.deepEqual(new Set(fresh.map(({ headers }) => headers.authorization)), new Set(['Bearer token-2']))
    // Late comers with the old token are given the new one, too.
    assert.equal((await client.reauthorize(first, challenge)).headers.authorization, 'Bearer token-2')
    assert.equal(desk.asked.length, 2)
  })

  it('is UNAUTHORIZED when there is nothing better to send', async () => {
    const { client, source } = await aSource()
    const basic = { ...source, headers: { authorization: 'Basic eDp5' } }
    for (const challenge of ['Basic realm="x"', 'Negotiate', '', 'Bearer']) {
      const error = await fails(client.reauthorize(basic, challenge), 'UNAUTHORIZED')
      assert.equal(error.details.step, 'blob')
    }
  })

  it('is UNAUTHORIZED when the token server gives the refused token again', async () => {
    const tokens = await startServer(() => ({ body: '{"token":"same"}' }))
    const { client, source } = await aSource()
    const first = await client.reauthorize(source, `Bearer realm="${tokens.url}/"`)
    await fails(client.reauthorize(first, `Bearer realm="${tokens.url}/"`), 'UNAUTHORIZED')
  })

  it('keeps to the folder of a mirror', async () => {
    const desk = new TokenDesk()
    const tokens = await startServer(desk.handle)
    const mirror = await startRegistry({ manifest })
    const client = aClient([`quay.io=${mirror.url}/quay`, `ghcr.io=${mirror.url}/ghcr`])
    const challenge = `Bearer realm="${tokens.url}/"`
    for (const registry of ['quay.io', 'ghcr.io', 'quay.io']) {
      const [source] = await client.blobSources({ registry, repository: 'a', tag: 'b' }, digest)
      await client.reauthorize({ ...(source as BlobSource), headers: {} }, challenge)
    }
    assert.deepEqual([...desk.valid.values()], ['repository:quay/a:pull', 'repository:ghcr/a:pull'])
  })

  it('takes no source that it did not give', async () => {
    const { client } = await aSource()
    const strange = { url: `https://evil.example/v2/a/blobs/${digest}`, host: 'evil.example', headers: {} }
    await assert.rejects(client.reauthorize(strange, 'Basic realm="x"'), TypeError)
  })
})
