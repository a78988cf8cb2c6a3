import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { digestBytes } from '../../src/oci/hasher.js'
import { MAX_MANIFEST_BYTES } from '../../src/oci/manifest.js'
import { MANIFEST_ACCEPT, OCI_INDEX, OCI_MANIFEST } from '../../src/oci/media-type.js'
import type { Reference } from '../../src/oci/reference.js'
import { HttpRegistry } from '../../src/registry/http-registry.js'
import { MemoryCredentials } from '../../src/registry/memory-credentials.js'
import { aManifest, startRegistry } from './support-registry.js'
import { type Handler, type Heard, type Reply, startRawServer, startServer } from './support-server.js'
import { aTransport, fails } from './support-wire.js'

const aClient = (): HttpRegistry => new HttpRegistry({ transport: aTransport(), credentials: new MemoryCredentials() })
const methods = ({ heard }: { heard: readonly Heard[] }): string[] => heard.map(({ method }) => method)
/** A registry of one answer, and a reference into it. */
async function answering(handler: Handler | Reply, name: Partial<Reference> = { tag: 'latest' }) {
  const server = await startServer(typeof handler === 'function' ? handler : () => handler)
  return { server, reference: { registry: server.host, repository: 'a', ...name } as Reference }
}

describe('HttpRegistry.resolve', async () => {
  const manifest = await aManifest()
  const { digest, mediaType, bytes } = manifest
  const descriptor = { mediaType, digest, size: bytes.length }
  const headers = { 'content-type': mediaType, 'docker-content-digest': digest }

  it('asks with one HEAD for a tag', async () => {
    const registry = await startRegistry({ manifest })
    assert.deepEqual(await aClient().resolve(registry.reference('a/b', { tag: 'v1' })), descriptor)
    assert.equal(registry.heard.length, 1)
    assert.equal(registry.heard[0]?.method, 'HEAD')
    assert.equal(registry.heard[0]?.path, '/v2/a/b/manifests/v1')
  })

  it('accepts the types it knows, and any other as the last choice', async () => {
    const registry = await startRegistry({ manifest })
    await aClient().resolve(registry.reference('a'))
    const accepted = registry.heard[0]?.headers.accept?.split(', ') ?? []
    assert.deepEqual(accepted.slice(0, -1), MANIFEST_ACCEPT)
    assert.match(accepted.at(-1) ?? '', /^\*\/\*;q=0\.\d$/)
  })

  it('asks for the digest where the reference has one, whatever its tag', async () => {
    const registry = await startRegistry({ manifest })
    assert.deepEqual(await aClient().resolve(registry.reference('a', { tag: 'v1', digest })), descriptor)
    assert.equal(registry.heard[0]?.path, `/v2/a/manifests/${digest}`)
  })

  it('strips parameters from the type', async () => {
    const { reference } = await answering({
      headers: { ...headers, 'content-type': `${mediaType}; charset=utf-8` },
      body: bytes,
    })
    assert.deepEqual(await aClient().resolve(reference), descriptor)
  })

  const withoutDigest = { 'content-type': mediaType }
  for (const [what, head] of [
    ['is not found', { status: 404 }],
    ['is not allowed', { status: 405 }],
    ['is a bad request', { status: 400 }],
    ['is not implemented', { status: 501 }],
    ['has no digest', { headers: withoutDigest, body: bytes }],
    ['has a digest that is none', { headers: { ...headers, 'docker-content-digest': 'sha256:x' }, body: bytes }],
    ['has no type', { headers: { 'docker-content-digest': digest }, body: bytes }],
    ['has a vague type', { headers: { ...headers, 'content-type': 'application/json' }, body: bytes }],
    ['has no length', { headers: { ...headers, 'content-length': '0' } }],
  ] as const) {
    it(`asks with a GET when the answer to the HEAD ${what}`, async () => {
      const { server, reference } = await answering(({ method }) =>
        method === 'HEAD' ? head : { headers: withoutDigest, body: bytes },
      )
      assert.deepEqual(await aClient().resolve(reference), descriptor)
      assert.deepEqual(methods(server), ['HEAD', 'GET'])
    })
  }

  for (const [status, code] of [
    [403, 'DENIED'],
    [429, 'TOOMANYREQUESTS'],
    [500, 'REGISTRY_UNAVAILABLE'],
    [401, 'UNAUTHORIZED'],
  ] as const) {
    it(`is ${code} for ${status} to the HEAD, and asks no more`, async () => {
      const { server, reference } = await answering({ status, headers: { 'retry-after': '7' } })
      const error = await fails(aClient().resolve(reference), code)
      assert.equal(error.details.host, server.host)
      assert.equal(error.details.step, 'resolve')
      assert.equal(error.details.retryAfterMs, 7000)
      assert.deepEqual(methods(server), ['HEAD'])
    })
  }

  it('is MANIFEST_UNKNOWN for what is nowhere', async () => {
    const { reference } = await answering({ status: 404 })
    await fails(aClient().resolve(reference), 'MANIFEST_UNKNOWN')
  })

  it('refuses another digest than it asked for', async () => {
    const other = await aManifest(200)
    const { reference } = await answering({ headers, body: bytes }, { digest: other.digest })
    await fails(aClient().resolve(reference), 'DIGEST_MISMATCH')
  })

  it('takes a digest of another algorithm for no answer to what it asked', async () => {
    const sha512 = await digestBytes(bytes, 'sha512')
    const { reference } = await answering({ headers, body: bytes }, { digest: sha512 })
    assert.deepEqual(await aClient().resolve(reference), { ...descriptor, digest: sha512 })
  })
})

describe('HttpRegistry.manifest', async () => {
  const manifest = await aManifest()
  const { digest, mediaType, bytes } = manifest

  it('gives the bytes as they came, and what they hash to', async () => {
    const registry = await startRegistry({ manifest })
    const fetched = await aClient().manifest(registry.reference('a'))
    assert.deepEqual(Buffer.from(fetched.bytes), Buffer.from(bytes))
    assert.deepEqual(fetched.descriptor, { mediaType, digest, size: bytes.length })
  })

  it('asks for the digest of the call rather than that of the reference', async () => {
    const registry = await startRegistry({ manifest })
    const other = await aManifest(200)
    await aClient().manifest(registry.reference('a', { digest: other.digest }), { digest })
    assert.equal(registry.heard[0]?.path, `/v2/a/manifests/${digest}`)
  })

  it('refuses other bytes than asked, whatever the header says', async () => {
    const other = await aManifest(200)
    for (const announced of [digest, other.digest, undefined]) {
      const headers = { 'content-type': mediaType, ...(announced && { 'docker-content-digest': announced }) }
      const { reference } = await answering({ headers, body: bytes }, { digest: other.digest })
      const error = await fails(aClient().manifest(reference), 'DIGEST_MISMATCH')
      assert.equal(error.details.expected, other.digest)
      assert.equal(error.details.actual, digest)
    }
  })

  it('refuses bytes that are not those the header announces', async () => {
    const { digest: announced } = await aManifest(200)
    const { reference } = await answering({
      headers: { 'content-type': mediaType, 'docker-content-digest': announced },
      body: bytes,
    })
    await fails(aClient().manifest(reference), 'DIGEST_MISMATCH')
  })

  it('hashes by the algorithm that was asked for', async () => {
    const sha512 = await digestBytes(bytes, 'sha512')
    const headers = { 'content-type': mediaType, 'docker-content-digest': digest }
    const { reference } = await answering({ headers, body: bytes }, { digest: sha512 })
    assert.equal((await aClient().manifest(reference)).descriptor.digest, sha512)
  })

  it('lets the document say its type when the header does not', async () => {
    const index = await aManifest(200, OCI_INDEX)
    const { reference } = await answering({ headers: { 'content-type': 'text/plain' }, body: index.bytes })
    assert.equal((await aClient().manifest(reference)).descriptor.mediaType, OCI_INDEX)
  })

  for (const size of [MAX_MANIFEST_BYTES - 1, MAX_MANIFEST_BYTES]) {
    it(`takes ${size} bytes`, async () => {
      const large = await aManifest(size)
      const registry = await startRegistry({ manifest: large })
      assert.equal((await aClient().manifest(registry.reference('a'))).descriptor.size, size)
    })
  }

  it('refuses a byte more, also when the length is not announced', async () => {
    const large = await aManifest(MAX_MANIFEST_BYTES + 1)
    const registry = await startRegistry({ manifest: large })
    await fails(aClient().manifest(registry.reference('a')), 'MANIFEST_TOO_LARGE')
    const { reference } = await answering((_, response) => {
      response.writeHead(200, { 'content-type': mediaType })
      response.end(large.bytes)
      return undefined
    })
    await fails(aClient().manifest(reference), 'MANIFEST_TOO_LARGE')
  })

  for (const [what, reply, code] of [
    [
      'a login page',
      { headers: { 'content-type': 'text/html; charset=utf-8' }, body: '<html>Log in</html>' },
      'PROTOCOL_ERROR',
    ],
    [
      'a login page under a manifest’s type',
      { headers: { 'content-type': OCI_MANIFEST }, body: '<!DOCTYPE html>' },
      'PROTOCOL_ERROR',
    ],
    ['nothing', { headers: { 'content-type': OCI_MANIFEST } }, 'MANIFEST_INVALID'],
    [
      'half a manifest',
      { headers: { 'content-type': OCI_MANIFEST }, body: '{"schemaVersion":2,"lay' },
      'MANIFEST_INVALID',
    ],
    [
      'half a manifest under its digest',
      { headers: { 'content-type': OCI_MANIFEST, 'docker-content-digest': digest }, body: bytes.slice(0, 50) },
      'DIGEST_MISMATCH',
    ],
    [
      'a part that was not asked for',
      { status: 206, headers: { 'content-type': OCI_MANIFEST }, body: '{}' },
      'PROTOCOL_ERROR',
    ],
    ['no content', { status: 204 }, 'PROTOCOL_ERROR'],
    [
      'schema 1',
      { headers: { 'content-type': 'application/vnd.docker.distribution.manifest.v1+prettyjws' }, body: '{}' },
      'UNSUPPORTED',
    ],
  ] as const) {
    it(`is ${code} for ${what}`, async () => {
      const { server, reference } = await answering(reply)
      const error = await fails(aClient().manifest(reference), code)
      assert.equal(error.details.host, server.host)
      assert.equal(error.details.step, 'manifest')
    })
  }

  it('is CONNECTION_LOST for a body that is cut off', async () => {
    const server = await startRawServer((socket) => {
      socket.end(`HTTP/1.1 200 OK\r\nContent-Type: ${OCI_MANIFEST}\r\nContent-Length: 100\r\n\r\n{"schemaVersion":2`)
    })
    await fails(aClient().manifest({ registry: server.host, repository: 'a', tag: 'b' }), 'CONNECTION_LOST')
  })

  it('is ABORTED with its caller', async () => {
    const { reference } = await answering(() => undefined)
    const controller = new AbortController()
    const asking = aClient().manifest(reference, { signal: controller.signal })
    setImmediate(() => controller.abort())
    await fails(asking, 'ABORTED')
  })

  it('follows a redirect to storage', async () => {
    const storage = await startServer(() => ({ headers: { 'content-type': mediaType }, body: bytes }))
    const { reference } = await answering({ status: 307, headers: { location: `${storage.url}/x?sig=1` } })
    assert.equal((await aClient().manifest(reference)).descriptor.digest, digest)
  })
})
