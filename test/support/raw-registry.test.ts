import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import { after, before, describe, it } from 'node:test'
import type { Descriptor } from '../../src/oci/descriptor.js'
import { digestBytes } from '../../src/oci/hasher.js'
import { anImage, type BuiltImage } from './an-image.js'
import { ask } from './ask.js'
import {
  EXPIRED_CERTIFICATE,
  LOOPBACK_CERTIFICATE,
  LOOPBACK_KEY,
  OTHER_HOST_CERTIFICATE,
} from './loopback-certificate.js'
import { type RawRegistry, startRawRegistry } from './raw-registry.js'
import { finAfter, resetAfter } from './raw-steps.js'

const IMAGE = await anImage({ platforms: ['linux/amd64', 'linux/arm64'], layers: [{ bytes: 10_000 }] })
const LAYER = layerOf(IMAGE)
const BYTES = Buffer.from(IMAGE.blobs.get(LAYER.digest) ?? [])

function layerOf(image: BuiltImage): Descriptor {
  const [layer] = image.platforms.get('linux/amd64')?.layers ?? []
  assert.ok(layer !== undefined)
  return layer
}

describe('raw registry', () => {
  let registry: RawRegistry
  let blob: string
  before(async () => {
    registry = await startRawRegistry()
    registry.add(IMAGE, 'library/app', '1')
    blob = `${registry.url}/v2/library/app/blobs/${LAYER.digest}`
  })
  after(() => registry.close())

  it('answers the version check', async () => {
    assert.equal((await ask(`${registry.url}/v2/`)).status, 200)
  })

  it('serves a manifest under its tag and under its digest, with GET and HEAD', async () => {
    for (const name of ['1', IMAGE.root.digest]) {
      const url = `${registry.url}/v2/library/app/manifests/${name}`
      const [got, head] = [await ask(url), await ask(url, { method: 'HEAD' })]
      assert.equal(await digestBytes(got.body), IMAGE.root.digest)
      assert.equal(got.headers['content-type'], IMAGE.root.mediaType)
      assert.deepEqual([head.status, head.body.length], [200, 0])
      assert.equal(head.headers['docker-content-digest'], IMAGE.root.digest)
      assert.equal(head.headers['content-length'], String(IMAGE.root.size))
    }
  })

  it('serves every blob of the image', async () => {
    for (const [digest, bytes] of IMAGE.blobs) {
      const { status, body } = await ask(`${registry.url}/v2/library/app/blobs/${digest}`)
      assert.deepEqual([status, body], [200, Buffer.from(bytes)])
    }
  })

  it('serves one range, open or closed, and refuses one beyond the end', async () => {
    const open = await ask(blob, { headers: { Range: 'bytes=9000-' } })
    assert.equal(open.headers['content-range'], `bytes 9000-${BYTES.length - 1}/${BYTES.length}`)
    assert.deepEqual([open.status, open.body], [206, BYTES.subarray(9000)])
    const closed = await ask(blob, { headers: { Range: 'bytes=5-9' } })
    assert.deepEqual([closed.status, closed.body], [206, BYTES.subarray(5, 10)])
    const beyond = await ask(blob, { headers: { Range: `bytes=${BYTES.length}-` } })
    assert.deepEqual([beyond.status, beyond.headers['content-range']], [416, `bytes */${BYTES.length}`])
  })

  it('lists tags', async () => {
    const { body } = await ask(`${registry.url}/v2/library/app/tags/list`)
    assert.deepEqual(JSON.parse(body.toString()), { name: 'library/app', tags: ['1'] })
  })

  it('sends away at once who speaks TLS to it', async () => {
    await assert.rejects(ask(registry.url.replace('http:', 'https:')))
  })

  it('has the codes of distribution-spec for what it does not know', async () => {
    const codes = ['library/app/manifests/2', `library/app/blobs/sha256:${'0'.repeat(64)}`, 'other/manifests/1'].map(
      async (path) => JSON.parse((await ask(`${registry.url}/v2/${path}`)).body.toString()).errors[0].code,
    )
    assert.deepEqual(await Promise.all(codes), ['MANIFEST_UNKNOWN', 'BLOB_UNKNOWN', 'NAME_UNKNOWN'])
    assert.equal((await ask(blob, { method: 'DELETE' })).status, 405)
  })
})

describe('what a raw registry remembers', () => {
  let registry: RawRegistry
  before(async () => {
    registry = await startRawRegistry()
    registry.add(IMAGE, 'a', '1')
  })
  after(() => registry.close())

  it('counts the GETs of each blob and numbers connections', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const url = `${registry.url}/v2/a/blobs/${LAYER.digest}`
    await ask(url, { agent })
    await ask(url, { agent, headers: { 'X-Mark': 'two' } })
    await ask(url)
    agent.destroy()
    assert.deepEqual(registry.blobRequests(), new Map([[LAYER.digest, 3]]))
    assert.deepEqual(
      registry.requests.map(({ connection }) => connection),
      [1, 1, 2],
    )
    assert.equal(registry.requests[1]?.headers['x-mark'], 'two')
    assert.equal(registry.connections.opened, 2)
  })

  it('tells when a request arrives', async () => {
    const arrived = registry.nextRequest({ kind: 'manifest' })
    await ask(`${registry.url}/v2/a/blobs/${LAYER.digest}`)
    await ask(`${registry.url}/v2/a/manifests/1?ns=docker.io`)
    const { path, query } = await arrived
    assert.deepEqual([path, query.get('ns')], ['/v2/a/manifests/1', 'docker.io'])
  })

  it('gives references to what was added', () => {
    assert.equal(registry.add(IMAGE, 'b', 'x'), `${registry.host}/b:x`)
    assert.equal(registry.add(IMAGE, 'b'), `${registry.host}/b@${IMAGE.root.digest}`)
  })
})

describe('a raw registry with less', () => {
  it('has no HEAD, no ranges and no digest header when told so', async () => {
    const registry = await startRawRegistry({ head: false, ranges: false, digestHeader: false })
    after(() => registry.close())
    registry.add(IMAGE, 'a', '1')
    assert.equal((await ask(`${registry.url}/v2/a/manifests/1`, { method: 'HEAD' })).status, 405)
    const { status, headers } = await ask(`${registry.url}/v2/a/blobs/${LAYER.digest}`, {
      headers: { Range: 'bytes=5-' },
    })
    assert.deepEqual([status, headers['accept-ranges'], headers['docker-content-digest']], [200, undefined, undefined])
  })

  it('is as slow as told', async () => {
    const registry = await startRawRegistry({ latencyMs: 20, bytesPerSecond: 200_000 })
    after(() => registry.close())
    registry.add(IMAGE, 'a', '1')
    const started = performance.now()
    const { body } = await ask(`${registry.url}/v2/a/blobs/${LAYER.digest}`)
    assert.deepEqual(body, BYTES)
    assert.ok(performance.now() - started >= 20 + 40)
  })
})

describe('a raw registry with TLS', () => {
  async function start(cert: string): Promise<RawRegistry> {
    const registry = await startRawRegistry({ tls: { cert, key: LOOPBACK_KEY } })
    after(() => registry.close())
    registry.add(IMAGE, 'a', '1')
    return registry
  }

  it('serves those who trust its certificate', async () => {
    const registry = await start(LOOPBACK_CERTIFICATE)
    const url = `${registry.url}/v2/a/blobs/${LAYER.digest}`
    assert.deepEqual((await ask(url, { ca: LOOPBACK_CERTIFICATE })).body, BYTES)
    await assert.rejects(ask(url), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
  })

  it('can show a certificate of another host, or one that has expired', async () => {
    const other = await start(OTHER_HOST_CERTIFICATE)
    await assert.rejects(ask(other.url, { ca: OTHER_HOST_CERTIFICATE }), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
    const expired = await start(EXPIRED_CERTIFICATE)
    await assert.rejects(ask(expired.url, { ca: EXPIRED_CERTIFICATE }), { code: 'CERT_HAS_EXPIRED' })
  })

  it('can be scripted like any other', async () => {
    const registry = await start(LOOPBACK_CERTIFICATE)
    const url = `${registry.url}/v2/a/blobs/${LAYER.digest}`
    registry.script({}, resetAfter(100), finAfter(200))
    // A reset may overtake the headers: it depends on the version of Node.
    const reset = await ask(url, { ca: LOOPBACK_CERTIFICATE }).catch((error) => ({ broken: error.code }))
    assert.equal(reset.broken, 'ECONNRESET')
    assert.deepEqual((await ask(url, { ca: LOOPBACK_CERTIFICATE })).body, BYTES.subarray(0, 200))
  })
})

describe('closing a raw registry', () => {
  it('breaks what is under way', async () => {
    const registry = await startRawRegistry()
    registry.add(IMAGE, 'a', '1')
    registry.script({}, (answer) => ({ ...answer, cutAfter: 100, end: 'hang' }))
    const arrived = registry.nextRequest()
    const asked = ask(`${registry.url}/v2/a/blobs/${LAYER.digest}`).catch((error) => ({ broken: error.code }))
    await arrived
    await registry.close()
    await registry.close()
    assert.equal((await asked).broken, 'ECONNRESET')
    assert.equal(registry.connections.open, 0)
  })
})
