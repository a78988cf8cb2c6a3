import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { startProxy, type TestProxy } from '../support/a-proxy.js'
import { anImage, type BuiltImage, digestsOf } from '../support/an-image.js'
import {
  EXPIRED_CERTIFICATE,
  LOOPBACK_CERTIFICATE,
  LOOPBACK_KEY,
  OTHER_HOST_CERTIFICATE,
} from '../support/loopback-certificate.js'
import { NOBODY_LISTENS } from '../support/nobody-listens.js'
import { type RawRegistry, startRawRegistry } from '../support/raw-registry.js'
import { type HearthRun, runHearth } from '../support/run-hearth.js'
import { tempDir } from '../support/temp-dir.js'
import { pulled, refused, soundBlobs, withPull } from '../support/with-pull.js'

const NAME = 'registry.example/app:v1'

/** RELIABILITY section 6, rows 22 and 23. */
describe('a registry that cannot be reached', () => {
  it('because DNS does not know it is HOST_UNKNOWN at once', () =>
    withPull({}, async ({ cache }) => {
      // Longer than a name in DNS may be: every resolver knows that it is none, also without a network.
      const { details } = await refused(cache, `${'a'.repeat(64)}.invalid/app:v1`, 'HOST_UNKNOWN')
      assert.deepEqual([details.step, details.reason], ['manifest', 'ENOTFOUND'])
      assert.ok(cache.progress.every(({ type }) => type !== 'request-retry'))
    }))

  it('because nobody listens is CONNECTION_FAILED after some attempts', () =>
    withPull({ retry: { retries: 2 } }, async ({ cache }) => {
      const { details } = await refused(cache, `${NOBODY_LISTENS}/app:v1`, 'CONNECTION_FAILED')
      assert.deepEqual([details.host, details.reason], [NOBODY_LISTENS, 'ECONNREFUSED'])
      assert.equal(cache.progress.filter(({ type }) => type === 'request-retry').length, 2)
    }))

  it('because each connection is reset is CONNECTION_LOST after as many', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    let connections = 0
    server.on('connection', (socket) => {
      connections += 1
      socket.resetAndDestroy()
    })
    await withPull({ retry: { retries: 2 } }, async ({ cache }) => {
      await refused(cache, `127.0.0.1:${(server.address() as AddressInfo).port}/app:v1`, 'CONNECTION_LOST')
    })
    server.close()
    assert.equal(connections, 3)
  })
})

/** RELIABILITY section 6, row 24; section 7.1, C5 and C6. */
describe('a certificate', { concurrency: 3 }, () => {
  let image: BuiltImage
  const servers: (RawRegistry | TestProxy)[] = []
  const folder = aFolder({
    'loopback.pem': LOOPBACK_CERTIFICATE,
    'other.pem': OTHER_HOST_CERTIFICATE,
    'expired.pem': EXPIRED_CERTIFICATE,
  })
  before(async () => {
    image = await anImage({ layers: [{ bytes: 20_000 }] })
  })
  after(async () => {
    for (const server of servers) await server.close()
  })

  async function aSite(cert?: string): Promise<{ readonly registry: RawRegistry; readonly proxy: TestProxy }> {
    const registry = await startRawRegistry(cert === undefined ? {} : { tls: { cert, key: LOOPBACK_KEY } })
    registry.add(image, 'app', 'v1')
    const proxy = await startProxy({ 'registry.example': registry.port, 'other.example': registry.port })
    servers.push(registry, proxy)
    return { registry, proxy }
  }

  let runs = 0
  async function pull({ proxy }: { readonly proxy: TestProxy }, ...argv: string[]): Promise<HearthRun> {
    const url = `http://${proxy.host}`
    const root = await folder
    const env = { HOME: root, HTTPS_PROXY: url, HTTP_PROXY: url }
    runs += 1
    return runHearth(['pull', '--cache', join(root, `cache-${runs}`), '--no-progress', ...argv], { env })
  }
  const caFile = async (name: string) => ['--ca-file', join(await folder, name)]

  for (const [what, cert, argv, reason] of [
    ['of an authority that nobody knows', OTHER_HOST_CERTIFICATE, async () => [], /SELF_SIGNED/],
    ['that is out of date', EXPIRED_CERTIFICATE, () => caFile('expired.pem'), /CERT_HAS_EXPIRED/],
    ['for another host', LOOPBACK_CERTIFICATE, () => caFile('loopback.pem'), /ALTNAME_INVALID/],
    [
      'that another host may have unchecked',
      OTHER_HOST_CERTIFICATE,
      async () => ['--tls-verify=other.example=false'],
      /SELF/,
    ],
  ] as const) {
    it(`${what} ends the pull at the first look, says what would help, and nothing is tried without TLS`, async () => {
      const site = await aSite(cert)
      const { exitCode, stdout, stderr } = await pull(site, ...(await argv()), NAME)
      assert.deepEqual([exitCode, stdout], [5, ''])
      assert.match(stderr, /^hearth: TLS_FAILED: .*--ca-file/)
      assert.match(stderr, reason)
      assert.deepEqual(
        site.proxy.asked.map(({ method, target }) => [method, target]),
        [['CONNECT', 'registry.example:443']],
      )
      assert.equal(site.registry.requests.length, 0)
    })
  }

  for (const [what, argv] of Object.entries({
    'of an authority named by --ca-file': () => caFile('other.pem'),
    'that is not to be checked for this host': async () => ['--tls-verify=registry.example=false'],
    'that is not to be checked at all': async () => ['--tls-verify', 'false'],
  })) {
    it(`${what} is good for manifests and blobs`, async () => {
      const site = await aSite(OTHER_HOST_CERTIFICATE)
      const { exitCode, stderr } = await pull(site, ...(await argv()), NAME)
      assert.equal(exitCode, 0, stderr)
      assert.equal(site.registry.blobRequests().size, 2)
      assert.ok(site.proxy.asked.every(({ method }) => method === 'CONNECT'))
    })
  }

  it('is checked without a proxy too, for manifests and blobs', async () => {
    const site = await aSite(LOOPBACK_CERTIFICATE)
    const mirror = ['--mirror', `registry.example=${site.registry.url}`]
    const { exitCode, stderr } = await pull(site, ...mirror, ...(await caFile('loopback.pem')), NAME)
    assert.equal(exitCode, 0, stderr)
    assert.equal(site.proxy.asked.length, 0)
    assert.equal(site.registry.blobRequests().size, 2)
  })

  it('that is missing, because the server speaks plain HTTP, is no reason to do so', async () => {
    const site = await aSite()
    const { exitCode, stderr } = await pull(site, NAME)
    assert.equal(exitCode, 5)
    assert.match(stderr, /^hearth: TLS_FAILED: .*--plain-http/)
    assert.deepEqual(
      site.proxy.asked.map(({ method }) => method),
      ['CONNECT'],
    )
    assert.equal(site.registry.requests.length, 0)
  })

  it('is not needed where plain HTTP was asked for', async () => {
    const site = await aSite()
    const { exitCode, stderr } = await pull(site, '--plain-http', 'registry.example', NAME)
    assert.equal(exitCode, 0, stderr)
    assert.ok(site.proxy.asked.every(({ method, target }) => method === 'GET' && target === 'registry.example:80'))
  })
})

/** RELIABILITY section 7.5, H14. */
describe('a proxy', { concurrency: 3 }, () => {
  const anywhere = { insecureHosts: ['*'] }
  const TLS = { cert: LOOPBACK_CERTIFICATE, key: LOOPBACK_KEY }

  it('carries https, and keeps its own credentials to itself', () =>
    withPull({ registry: { tls: TLS } }, async ({ registry }) => {
      const proxy = await startProxy({ 'registry.example': registry.port })
      const options = { ...anywhere, proxy: { https: `http://user:secret@${proxy.host}` } }
      await withPull({ transport: options }, async ({ cache }) => {
        const image = await anImage()
        registry.add(image, 'app', 'v1')
        await pulled(cache, NAME)
        assert.deepEqual(await soundBlobs(cache), digestsOf(image))
      })
      const authorization = `Basic ${Buffer.from('user:secret').toString('base64')}`
      assert.ok(proxy.asked.length > 0 && proxy.asked.every((asked) => asked.authorization === authorization))
      assert.ok(registry.requests.every(({ headers }) => !('proxy-authorization' in headers)))
      await proxy.close()
    }))

  // No DNS has it, nor is it asked: see above.
  const host = `${'a'.repeat(64)}.example`
  for (const none of [host, '.example', 'example', '*', `${host}:443`, `other, ${host}`]) {
    it(`is not asked for what NO_PROXY=${none.replace(host, 'HOST')} excepts`, async () => {
      const proxy = await startProxy({})
      const transport = { ...anywhere, proxy: { https: `http://${proxy.host}`, none } }
      await withPull({ transport, retry: { retries: 0 } }, async ({ cache }) => {
        await refused(cache, `${host}/app:v1`, 'HOST_UNKNOWN')
      })
      assert.equal(proxy.asked.length, 0)
      await proxy.close()
    })
  }

  it('is never asked for this machine', () =>
    withPull({}, async ({ registry }) => {
      const proxy = await startProxy({})
      const url = `http://${proxy.host}`
      await withPull({ transport: { proxy: { http: url, https: url } } }, async ({ cache }) => {
        await pulled(cache, registry.add(await anImage(), 'app', 'v1'))
        await pulled(cache, `localhost:${registry.port}/app:v1`)
      })
      assert.equal(proxy.asked.length, 0)
      await proxy.close()
    }))

  it('that is gone is CONNECTION_FAILED', async () => {
    const gone = createServer().listen(0, '127.0.0.1')
    await once(gone, 'listening')
    const { port } = gone.address() as AddressInfo
    gone.close()
    const transport = { proxy: { https: `http://127.0.0.1:${port}` } }
    await withPull({ transport, retry: { retries: 1 } }, async ({ cache }) => {
      await refused(cache, NAME, 'CONNECTION_FAILED')
    })
  })
})

async function aFolder(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await tempDir()
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  return folder
}
