import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { type ErrorCode, isHearthError } from '../../src/errors.js'
import { demandOk, type ExchangeRequest, exchange } from '../../src/registry/http-client.js'
import { NOBODY_LISTENS } from '../support/nobody-listens.js'
import { type Reply, startRawServer, startServer } from './support-server.js'
import { aTransport, everythingIn, failureOf, WHERE } from './support-wire.js'

const LIMIT = 1000
const get = (url: string, rest: Partial<ExchangeRequest> = {}): ExchangeRequest => ({
  method: 'GET',
  url: new URL(url),
  where: WHERE,
  maxBytes: LIMIT,
  tooLarge: 'MANIFEST_TOO_LARGE',
  ...rest,
})
const fails = async (promise: Promise<unknown>, code: ErrorCode) => {
  const error = await failureOf(promise)
  assert.ok(isHearthError(error, code), `${error.code}: ${error.message}`)
  assert.equal(error.details.step, WHERE.step)
  assert.ok(error.details.host)
  return error
}
/** A server that answers each connection with these bytes, and ends it or not. */
const raw = (answer: string, end = true) =>
  startRawServer((socket) => {
    socket.write(answer)
    if (end) socket.end()
  })

describe('exchange', () => {
  it('gives status, headers and bytes', async () => {
    const server = await startServer(() => ({ headers: { 'X-Some': 'x' }, body: 'hello' }))
    const answer = await exchange(get(`${server.url}/v2/`), aTransport())
    assert.equal(answer.status, 200)
    assert.equal(answer.headers['x-some'], 'x')
    assert.equal(Buffer.from(answer.body).toString(), 'hello')
    assert.equal(answer.foreign, false)
  })

  it('says who it is and asks for bytes as they are', async () => {
    const server = await startServer(() => ({}))
    await exchange(get(server.url, { headers: { accept: 'a/b' } }), aTransport())
    const { headers } = server.heard[0] ?? assert.fail()
    assert.match(headers['user-agent'] ?? '', /^hearth\//)
    assert.equal(headers['accept-encoding'], 'identity')
    assert.equal(headers.accept, 'a/b')
  })

  it('gives any status as it is, and demandOk makes the error of it', async () => {
    const server = await startServer(() => ({ status: 404, body: '{"errors":[{"code":"NAME_UNKNOWN"}]}' }))
    const answer = await exchange(get(server.url), aTransport())
    assert.equal(answer.status, 404)
    assert.throws(
      () => demandOk(answer, WHERE, 0),
      (error) => isHearthError(error, 'NAME_UNKNOWN'),
    )
  })

  describe('counts bytes', () => {
    const chunked = (bytes: number) =>
      startServer((_, response) => {
        response.writeHead(200)
        response.end(Buffer.alloc(bytes, 'x'))
        return undefined
      })
    for (const bytes of [LIMIT - 1, LIMIT]) {
      it(`takes ${bytes} of ${LIMIT}`, async () => {
        const sized = await startServer(() => ({ body: 'x'.repeat(bytes) }))
        assert.equal((await exchange(get(sized.url), aTransport())).body.length, bytes)
        assert.equal((await exchange(get((await chunked(bytes)).url), aTransport())).body.length, bytes)
      })
    }
    it(`refuses ${LIMIT + 1} of ${LIMIT}, announced or not`, async () => {
      const sized = await startServer(() => ({ body: 'x'.repeat(LIMIT + 1) }))
      await fails(exchange(get(sized.url), aTransport()), 'MANIFEST_TOO_LARGE')
      await fails(exchange(get((await chunked(LIMIT + 1)).url), aTransport()), 'MANIFEST_TOO_LARGE')
    })

    it('ends a body that never does', async () => {
      const server = await startServer((_, response) => {
        const write = (): void => {
          while (!response.destroyed && response.write('x'.repeat(100)));
        }
        response.on('drain', write)
        write()
        return undefined
      })
      await fails(exchange(get(server.url), aTransport()), 'MANIFEST_TOO_LARGE')
    })

    it('keeps 64 KiB of an error, and goes on with the next request', async () => {
      const server = await startServer(({ path }) =>
        path === '/bad' ? { status: 500, body: 'x'.repeat(1e6) } : { body: 'ok' },
      )
      const transport = aTransport({ connectionsPerHost: 1 })
      const answer = await exchange(get(`${server.url}/bad`), transport)
      assert.equal(answer.status, 500)
      assert.ok(answer.body.length <= 64 * 1024)
      assert.equal((await exchange(get(`${server.url}/good`), transport)).status, 200)
    })
  })

  it('does not wait for the body that a HEAD announces', async () => {
    const server = await startServer(() => ({ body: 'x'.repeat(LIMIT + 1) }))
    const answer = await exchange(get(server.url, { method: 'HEAD' }), aTransport())
    assert.equal(answer.headers['content-length'], String(LIMIT + 1))
    assert.equal(answer.body.length, 0)
  })

  it('refuses an encoding that it did not ask for', async () => {
    const server = await startServer(() => ({ headers: { 'content-encoding': 'gzip' }, body: gzipSync('{}') }))
    await fails(exchange(get(server.url), aTransport()), 'PROTOCOL_ERROR')
  })

  it('keeps connections for the next request', async () => {
    const ports = new Set<number | undefined>()
    const server = await startServer((_, __, message) => {
      ports.add(message.socket.remotePort)
      return { body: 'x' }
    })
    const transport = aTransport()
    for (let count = 0; count < 8; count++) await exchange(get(server.url), transport)
    // Not one: undici lets a connection rest for a turn, in case the server closes it against its word.
    assert.ok(ports.size <= 2, String(ports.size))
  })

  describe('follows redirects', () => {
    for (const status of [301, 302, 303, 307, 308]) {
      it(`on ${status}, without credentials for another origin`, async () => {
        const cdn = await startServer(() => ({ body: 'here' }))
        const server = await startServer(() => ({ status, headers: { location: `${cdn.url}/x?sig=1` } }))
        const answer = await exchange(
          get(server.url, { headers: { Authorization: 'Bearer canary', cookie: 'canary' } }),
          aTransport(),
        )
        assert.equal(Buffer.from(answer.body).toString(), 'here')
        assert.equal(answer.foreign, true)
        assert.equal(server.heard[0]?.headers.authorization, 'Bearer canary')
        assert.equal(cdn.heard[0]?.path, '/x?sig=1')
        assert.equal(cdn.heard[0]?.headers.authorization, undefined)
        assert.equal(cdn.heard[0]?.headers.cookie, undefined)
        assert.match(cdn.heard[0]?.headers['user-agent'] ?? '', /^hearth/)
      })
    }

    it('with credentials within the origin', async () => {
      const server = await startServer(({ path }) =>
        path === '/' ? { status: 307, headers: { location: '/b' } } : { body: 'b' },
      )
      const answer = await exchange(get(server.url, { headers: { authorization: 'x' } }), aTransport())
      assert.equal(answer.foreign, false)
      assert.equal(server.heard[1]?.headers.authorization, 'x')
    })

    it('five times and not a sixth', async () => {
      const server = await startServer(() => ({ status: 302, headers: { location: '/' } }))
      await fails(exchange(get(server.url), aTransport()), 'REDIRECT_REFUSED')
      assert.equal(server.heard.length, 6)
    })

    it('not to the metadata service, nor where the caller will not have it', async () => {
      const metadata = await startServer(() => ({ status: 302, headers: { location: 'http://169.254.169.254/' } }))
      await fails(exchange(get(metadata.url), aTransport()), 'REDIRECT_REFUSED')
      const server = await startServer(() => ({ status: 302, headers: { location: '/b' } }))
      const checkHop = (url: URL): void => assert.fail(url.pathname)
      await assert.rejects(exchange(get(server.url, { checkHop }), aTransport()), /\/b/)
      assert.equal(server.heard.length, 1)
    })

    it('not after a POST, whose body may be a secret', async () => {
      const server = await startServer(() => ({ status: 307, headers: { location: '/b' } }))
      const answer = await exchange(get(server.url, { method: 'POST', body: 'secret' }), aTransport())
      assert.equal(answer.status, 307)
      assert.equal(server.heard.length, 1)
    })
  })

  describe('fails with its own codes', () => {
    it('when nobody listens', async () => {
      await fails(exchange(get(`http://${NOBODY_LISTENS}`), aTransport()), 'CONNECTION_FAILED')
    })

    for (const [what, answer, code] of [
      ['the server is gone before it answers', '', 'CONNECTION_LOST'],
      ['the body is cut off', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf', 'CONNECTION_LOST'],
      ['a chunked body is cut off', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel', 'CONNECTION_LOST'],
      ['the answer is no HTTP', 'SSH-2.0-OpenSSH\r\n', 'PROTOCOL_ERROR'],
      [
        'the length is said twice',
        'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx',
        'PROTOCOL_ERROR',
      ],
      [
        'length and chunks are both there',
        'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
        'PROTOCOL_ERROR',
      ],
      ['the headers are too large', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 'PROTOCOL_ERROR'],
    ] as const) {
      it(`when ${what}`, async () => {
        const server = await raw(answer)
        await fails(exchange(get(server.url), aTransport()), code)
      })
    }

    it('when the connection is reset in the body', async () => {
      const server = await startRawServer((socket) => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf', () => socket.resetAndDestroy())
      })
      await fails(exchange(get(server.url), aTransport()), 'CONNECTION_LOST')
    })

    it('when headers do not come', async () => {
      const server = await raw('', false)
      await fails(exchange(get(server.url), aTransport({ headersTimeoutMs: 50 })), 'TIMEOUT')
    })

    it('when the body falls silent', async () => {
      const server = await raw('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf', false)
      await fails(exchange(get(server.url), aTransport({ bodyTimeoutMs: 50 })), 'TIMEOUT')
    })

    it('when the body trickles, which no limit on silence sees', async () => {
      const server = await startServer((_, response) => {
        const timer = setInterval(() => response.write('x'), 10)
        response.on('close', () => clearInterval(timer))
        return undefined
      })
      const slow = { progressWindowMs: 200, minBytesPerSecond: 10_000 }
      await fails(exchange(get(server.url), aTransport(slow)), 'TIMEOUT')
    })

    it('when its caller aborts, before, in the wait and in the body', async () => {
      const server = await startServer(({ path }, response) => {
        if (path === '/body') response.write('x')
        return undefined
      })
      await fails(exchange(get(server.url, { signal: AbortSignal.abort() }), aTransport()), 'ABORTED')
      for (const path of ['/wait', '/body']) {
        const controller = new AbortController()
        const asking = exchange(get(`${server.url}${path}`, { signal: controller.signal }), aTransport())
        setTimeout(() => controller.abort(new Error('the reason is theirs')), 20)
        await fails(asking, 'ABORTED')
      }
    })

    it('when its transport is destroyed', async () => {
      const server = await startServer(() => undefined)
      const transport = aTransport()
      const asking = exchange(get(server.url), transport)
      setImmediate(() => transport.destroy())
      await fails(asking, 'ABORTED')
    })
  })

  it('shows no secret in any error', async () => {
    const answers = [
      'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\ncanary',
      'canary\r\n\r\n',
      'HTTP/1.1 200 OK\r\nSet-Cookie: canary\r\n: canary\r\n\r\n',
      '',
    ]
    for (const answer of answers) {
      const server = await raw(answer)
      const headers = { authorization: 'Bearer canary', cookie: 'canary' }
      const error = await failureOf(exchange(get(`${server.url}/?token=canary`, { headers }), aTransport()))
      assert.ok(!everythingIn(error).includes('canary'), everythingIn(error))
    }
  })

  it('serves errors of all kinds and is still of use', async () => {
    const replies: Reply[] = [
      { status: 500 },
      { status: 404, body: 'x'.repeat(2e5) },
      { body: 'x'.repeat(LIMIT + 1) },
      { body: 'ok' },
    ]
    const server = await startServer(({ path }) => replies[Number(path.slice(1))])
    const transport = aTransport({ connectionsPerHost: 1 })
    for (let round = 0; round < 3; round++) {
      for (const path of [0, 1]) await exchange(get(`${server.url}/${path}`), transport)
      await fails(exchange(get(`${server.url}/2`), transport), 'MANIFEST_TOO_LARGE')
      assert.equal((await exchange(get(`${server.url}/3`), transport)).status, 200)
    }
  })
})
