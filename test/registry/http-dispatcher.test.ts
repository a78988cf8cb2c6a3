import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect as netConnect, type Socket } from 'node:net'
import { after, describe, it } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { buildConnector } from 'undici'
import { isHearthError } from '../../src/errors.js'
import { exchange } from '../../src/registry/http-client.js'
import { openTransport, type Transport } from '../../src/registry/http-dispatcher.js'
import type { TransportOptions } from '../../src/transport.js'
import {
  EXPIRED_CERTIFICATE,
  LOOPBACK_CERTIFICATE,
  LOOPBACK_KEY,
  OTHER_HOST_CERTIFICATE,
} from '../support/loopback-certificate.js'
import { startServer, type TestServer } from './support-server.js'
import { aTransport, everythingIn, fails, transportOptions, WHERE } from './support-wire.js'

const CLIENT = new URL('../../../test/fixtures/client/', import.meta.url)
const clientCertificate = {
  cert: readFileSync(new URL('certificate.pem', CLIENT), 'utf8'),
  key: readFileSync(new URL('key.pem', CLIENT), 'utf8'),
}
const TLS = { cert: LOOPBACK_CERTIFICATE, key: LOOPBACK_KEY }

const ask = (url: string, transport: Transport, foreign = false) =>
  exchange(
    { method: 'GET', url: new URL(url), where: WHERE, maxBytes: 1000, tooLarge: 'PROTOCOL_ERROR', foreign },
    transport,
  )
const isOk = async (server: { url: string }, options: Partial<TransportOptions>, foreign = false): Promise<void> => {
  assert.equal((await ask(server.url, aTransport(options), foreign)).status, 200)
}

describe('a transport over TLS', () => {
  const start = (cert: string): Promise<TestServer> => startServer(() => ({ body: 'ok' }), { cert, key: LOOPBACK_KEY })

  it('refuses a certificate of an unknown authority, an expired one and one for another host', async () => {
    await fails(ask((await start(LOOPBACK_CERTIFICATE)).url, aTransport()), 'TLS_FAILED')
    await fails(ask((await start(EXPIRED_CERTIFICATE)).url, aTransport({ ca: [EXPIRED_CERTIFICATE] })), 'TLS_FAILED')
    await fails(
      ask((await start(OTHER_HOST_CERTIFICATE)).url, aTransport({ ca: [OTHER_HOST_CERTIFICATE] })),
      'TLS_FAILED',
    )
  })

  it('trusts the authorities it is given, on both sides', async () => {
    const server = await start(LOOPBACK_CERTIFICATE)
    await isOk(server, { ca: [LOOPBACK_CERTIFICATE] })
    await isOk(server, { ca: [LOOPBACK_CERTIFICATE] }, true)
  })

  it('leaves the certificate unchecked for exactly the hosts it is told', async () => {
    const server = await start(EXPIRED_CERTIFICATE)
    for (const insecureHosts of [['*'], ['127.0.0.1'], [server.host]]) {
      await isOk(server, { insecureHosts })
      await isOk(server, { insecureHosts }, true)
    }
    for (const insecureHosts of [['localhost'], [`127.0.0.1:${server.port + 1}`], ['127.0.0']]) {
      await fails(ask(server.url, aTransport({ insecureHosts })), 'TLS_FAILED')
    }
  })

  it('checks the certificate of a redirect’s target as strictly', async () => {
    const target = await start(EXPIRED_CERTIFICATE)
    const server = await startServer(() => ({ status: 307, headers: { location: target.url } }), TLS)
    await fails(ask(server.url, aTransport({ ca: [LOOPBACK_CERTIFICATE] })), 'TLS_FAILED')
    assert.equal(target.heard.length, 0)
  })

  it('never falls back to plain HTTP', async () => {
    let connections = 0
    const plain = createServer(() => assert.fail('was asked in the clear')).on('connection', () => connections++)
    await fails(ask(`https://127.0.0.1:${await listen(plain)}/`, aTransport()), 'TLS_FAILED')
    assert.equal(connections, 1)
  })

  it('shows its client certificate at home and nowhere else', async () => {
    const seen: (string | undefined)[] = []
    const options = { ...TLS, requestCert: true, ca: clientCertificate.cert, rejectUnauthorized: false }
    const server = await startServer((_, __, message) => {
      const socket = message.socket as TLSSocket
      seen.push(socket.authorized ? String(socket.getPeerCertificate().subject.CN) : undefined)
      return { body: 'ok' }
    }, options)
    const front = await startServer(() => ({ status: 307, headers: { location: server.url } }), TLS)
    const transport = aTransport({ ca: [LOOPBACK_CERTIFICATE], clientCertificate })
    await ask(server.url, transport)
    await ask(server.url, transport, true)
    await ask(front.url, transport)
    assert.deepEqual(seen, ['hearth test client', undefined, undefined])
  })

  it('refuses certificates and keys that are none when it is opened, without repeating them', () => {
    for (const options of [
      { ca: ['canary'] },
      { clientCertificate: { cert: 'canary', key: 'canary' } },
      { clientCertificate: { ...clientCertificate, key: 'canary' } },
    ]) {
      assert.throws(
        () => openTransport(transportOptions(options)),
        (error) =>
          isHearthError(error, 'OPTION_INVALID') && !JSON.stringify([error.message, error.details]).includes('canary'),
      )
    }
  })
})

describe('a transport', () => {
  it('opens no more connections per origin than it may', async () => {
    let [open, most] = [0, 0]
    const server = await startServer((_, response) => {
      setImmediate(() => response.end('ok'))
      return undefined
    })
    const counting = aTransport({ connectionsPerHost: 2 }, (settings) => {
      const stock = buildConnector(settings)
      return (target, callback) => {
        most = Math.max(most, ++open)
        stock(target, callback)
      }
    })
    await Promise.all(Array.from({ length: 20 }, () => ask(server.url, counting)))
    assert.equal(most, 2)
  })

  it('lets another connector open its sockets, and tells it the settings', async () => {
    const server = await startServer(() => ({ body: 'ok' }))
    const used: Socket[] = []
    const transport = aTransport({ connectTimeoutMs: 1234 }, (settings) => ({ hostname, port }, callback) => {
      assert.equal(settings.timeout, 1234)
      const socket = netConnect(Number(port), hostname, () => callback(null, socket))
      used.push(socket)
    })
    assert.equal((await ask(server.url, transport)).status, 200)
    assert.equal(used.length, 1)
  })

  it('reaches localhost on its foreign side: the name was judged where the hop was decided', async () => {
    const server = await startServer(() => ({ body: 'ok' }))
    assert.equal((await ask(`http://localhost:${server.port}/`, aTransport(), true)).status, 200)
  })

  it('is closed and destroyed more than once without complaint, and then serves nobody', async () => {
    const server = await startServer(() => ({ body: 'ok' }))
    const transport = openTransport(transportOptions())
    await ask(server.url, transport)
    await Promise.all([transport.close(), transport.close()])
    await transport.close()
    await transport.destroy()
    await transport.destroy()
    await fails(ask(server.url, transport), 'ABORTED')
  })

  it('finishes what is under way when it is closed', async () => {
    const server = await startServer((_, response) => {
      setImmediate(() => response.end('ok'))
      return undefined
    })
    const transport = openTransport(transportOptions())
    const asking = ask(server.url, transport)
    await transport.close()
    assert.equal((await asking).status, 200)
  })
})

describe('a transport with a proxy', () => {
  /** A forward proxy that sends every request and every tunnel to `target`, whatever name was asked for. */
  async function startProxy(target: () => number) {
    const asked: { method: string; target: string; authorization: string | undefined }[] = []
    const note = (method = '', url = '', authorization?: string) => asked.push({ method, target: url, authorization })
    const server = createServer((request, response) => {
      note(request.method, request.url, request.headers['proxy-authorization'])
      response.end('from the proxy')
    })
    server.on('connect', (request, socket) => {
      note('CONNECT', request.url, request.headers['proxy-authorization'])
      if (request.url?.startsWith('refused.example')) {
        socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
        return
      }
      const upstream = netConnect(target(), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n')
        socket.pipe(upstream).pipe(socket)
      })
      for (const end of [upstream, socket]) end.on('error', () => upstream.destroy())
    })
    return { port: await listen(server), asked }
  }

  it('tunnels https, and checks the certificate inside', async () => {
    const server = await startServer(() => ({ body: 'ok' }), { cert: OTHER_HOST_CERTIFICATE, key: LOOPBACK_KEY })
    const proxy = await startProxy(() => server.port)
    const options = { proxy: { https: `http://user:pa%20ss@127.0.0.1:${proxy.port}` } }
    assert.equal(
      (await ask('https://registry.example/', aTransport({ ...options, ca: [OTHER_HOST_CERTIFICATE] }))).status,
      200,
    )
    await fails(ask('https://registry.example/', aTransport(options)), 'TLS_FAILED')
    await fails(ask('https://other.example/', aTransport({ ...options, ca: [OTHER_HOST_CERTIFICATE] })), 'TLS_FAILED')
    assert.equal(
      (await ask('https://other.example/', aTransport({ ...options, insecureHosts: ['other.example'] }))).status,
      200,
    )
    const authorization = `Basic ${Buffer.from('user:pa ss').toString('base64')}`
    assert.deepEqual(proxy.asked[0], { method: 'CONNECT', target: 'registry.example:443', authorization })
  })

  it('keeps the credentials of the proxy from the registry', async () => {
    const server = await startServer(() => ({ body: 'ok' }), TLS)
    const proxy = await startProxy(() => server.port)
    const options = { proxy: { https: `http://user:pass@127.0.0.1:${proxy.port}` }, insecureHosts: ['*'] }
    await ask('https://registry.example/', aTransport(options))
    assert.equal(server.heard[0]?.headers['proxy-authorization'], undefined)
  })

  it('sends plain requests the plain way', async () => {
    const proxy = await startProxy(() => 0)
    const options = { proxy: { http: `127.0.0.1:${proxy.port}` }, plainHttpHosts: ['*'] }
    const answer = await ask('http://registry.example/v2/', aTransport(options))
    assert.equal(Buffer.from(answer.body).toString(), 'from the proxy')
    assert.equal(proxy.asked[0]?.method, 'GET')
    assert.equal(proxy.asked[0]?.target, 'http://registry.example/v2/')
  })

  it('reaches loopback and what is excepted without it', async () => {
    const server = await startServer(() => ({ body: 'ok' }))
    const proxy = await startProxy(() => server.port)
    const options = { proxy: { http: `http://127.0.0.1:${proxy.port}`, none: '*' } }
    assert.equal((await ask(server.url, aTransport({ proxy: { http: options.proxy.http } }))).status, 200)
    assert.equal((await ask(`http://localhost:${server.port}/`, aTransport(options))).status, 200)
    assert.equal(proxy.asked.length, 0)
  })

  it('names the proxy that refuses, without its password', async () => {
    const proxy = await startProxy(() => 0)
    const https = `http://user:canary@127.0.0.1:${proxy.port}`
    const error = await fails(ask('https://refused.example/', aTransport({ proxy: { https } })), 'CONNECTION_FAILED')
    assert.deepEqual(error.details, { ...WHERE, proxy: `127.0.0.1:${proxy.port}`, reason: '403' })
    assert.doesNotMatch(everythingIn(error), /canary|user:/)
  })

  it('fails when the proxy wants another password, also for plain requests', async () => {
    const { host } = new URL((await startServer(() => ({ status: 407 }))).url)
    const transport = aTransport({ proxy: { http: host }, plainHttpHosts: ['*'] })
    const error = await fails(ask('http://registry.example/', transport), 'CONNECTION_FAILED')
    assert.deepEqual(error.details, { ...WHERE, reason: '407' })
  })

  for (const [scheme, target] of [
    ['http', 'https://registry.example/'],
    ['https', 'https://registry.example/'],
    ['http', 'http://registry.example/'],
  ] as const) {
    it(`names the proxy that is gone, without its password: ${scheme} for ${target}`, async () => {
      const host = `localhost:${await aClosedPort()}`
      const url = `${scheme}://user:canary@${host}`
      const transport = aTransport({ proxy: { http: url, https: url }, plainHttpHosts: ['*'] })
      const error = await fails(ask(target, transport), 'CONNECTION_FAILED')
      assert.deepEqual(error.details, { ...WHERE, proxy: host, reason: 'ECONNREFUSED' })
      assert.ok(error.message.includes(host), error.message)
      assert.doesNotMatch(everythingIn(error), /canary|user:/)
    })
  }

  it('names a proxy whose certificate is not trusted', async () => {
    const proxy = await startServer(() => ({ body: 'ok' }), { cert: OTHER_HOST_CERTIFICATE, key: LOOPBACK_KEY })
    const host = `localhost:${proxy.port}`
    const transport = aTransport({ proxy: { https: `https://${host}` } })
    assert.equal((await fails(ask('https://registry.example/', transport), 'TLS_FAILED')).details.proxy, host)
  })
})

/** One that nobody listens on any more. */
async function aClosedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

function listen(server: Server): Promise<number> {
  after(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)))
}
