import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { afterEach, describe, it } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Dispatcher } from 'undici'
import { openTransport, type Transport } from '../../src/registry/http-dispatcher.js'
import { buildLeanConnector } from '../../src/registry/http-lean-socket.js'
import { aTransport } from '../support/a-transport.js'
import { type BlobContent, contentOf } from '../support/blob-content.js'
import { LOOPBACK_CERTIFICATE, LOOPBACK_KEY } from '../support/loopback-certificate.js'
import { type Answer, anAnswer } from '../support/raw-answer.js'
import { type RawRegistry, startRawRegistry } from '../support/raw-registry.js'
import { seededBytes } from '../support/seeded-bytes.js'

const MIB = 1024 * 1024
const BYTES = Buffer.from(seededBytes('lean', 5 * MIB + 123))
const TLS = { cert: LOOPBACK_CERTIFICATE, key: LOOPBACK_KEY }

describe('a lean socket', () => {
  let registry: RawRegistry
  let transport: Transport
  afterEach(async () => {
    await transport.destroy()
    await registry.close()
  })

  const kinds = [
    ['in the clear', undefined],
    ['over TLS', TLS],
  ] as const
  for (const [kind, tls] of kinds) {
    describe(kind, () => {
      async function serve(changes: Partial<Answer> = {}, body: BlobContent = contentOf(BYTES)): Promise<void> {
        registry = await startRawRegistry({ ...(tls && { tls }) })
        registry.always({}, () => anAnswer({ body, ...changes }))
        const options = aTransport({ connectionsPerHost: 1, ca: [LOOPBACK_CERTIFICATE] })
        transport = openTransport(options, { build: buildLeanConnector })
      }

      it('brings every byte, in order', async () => {
        await serve()
        assert.ok(BYTES.equals(await receive()), 'other bytes')
      })

      it('brings many bodies one after another over one connection', async () => {
        await serve()
        for (let time = 0; time < 10; time++) {
          assert.ok(BYTES.equals(await receive()), 'other bytes')
          await turn()
        }
        assert.equal(registry.connections.opened, 1)
      })

      it('brings chunks, and a body that ends with its connection', async () => {
        for (const framing of ['chunked', 'close'] as const) {
          await serve({ framing })
          assert.ok(BYTES.equals(await receive()), framing)
          await transport.destroy()
          await registry.close()
        }
        await serve()
      })

      it('keeps the order when the reader pauses after each piece', async () => {
        await serve()
        assert.ok(BYTES.equals(await receive({ pause: 'always' })), 'other bytes')
      })

      it('keeps the order when the reader pauses now and then, for a while', async () => {
        for (const framing of ['length', 'chunked', 'close'] as const) {
          await serve({ framing })
          assert.ok(BYTES.equals(await receive({ pause: 'sometimes' })), framing)
          await transport.destroy()
          await registry.close()
        }
        await serve()
      })

      it('comes to an end when the server speaks before it is asked', async () => {
        await serve()
        const server = tls ? createTlsServer(tls) : createServer()
        server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => {
          socket.on('error', () => {})
          socket.write('HTTP/1.1 408 Request Timeout\r\nContent-Length: 2\r\n\r\nxx')
        })
        server.listen(0, '127.0.0.1')
        await once(server, 'listening')
        const { port } = server.address() as AddressInfo
        // An answer or an error: it depends on which of the two was first.
        await Promise.allSettled([receive({ origin: `${tls ? 'https' : 'http'}://127.0.0.1:${port}` })])
        server.close()
      })

      it('takes no more from a server while its reader pauses', async () => {
        let sent = 0
        const body: BlobContent = {
          size: 256 * MIB,
          *read(start = 0, end = 256 * MIB) {
            const piece = Buffer.alloc(64 * 1024)
            for (let at = start; at < end; at += piece.length) {
              sent = at
              yield piece
            }
          },
        }
        await serve({}, body)
        await receive({ pause: 'forever' })
        assert.ok(sent < 64 * MIB, `${sent} bytes were sent`)
      })
    })
  }

  it('needs no more memory for a gibibyte than for a little', async () => {
    const pattern = { bytes: BYTES.subarray(0, 4 * MIB) }
    registry = await startRawRegistry()
    transport = openTransport(aTransport())
    registry.always({ path: '/small' }, () => anAnswer({ body: contentOf({ ...pattern, times: 2 }) }))
    registry.always({ path: '/large' }, () => anAnswer({ body: contentOf({ ...pattern, times: 256 }) }))
    const script = fileURLToPath(new URL('../support/lean-socket-process.js', import.meta.url))
    const megabytes = async (path: string): Promise<number> => {
      const { stdout } = await promisify(execFile)(process.execPath, [script, registry.url + path])
      return Number(stdout)
    }
    const [small, large] = [await megabytes('/small'), await megabytes('/large')]
    assert.ok(large - small < 32, `${small} MB grew to ${large} MB`)
  })

  interface Reading {
    readonly origin?: string
    readonly pause?: 'always' | 'sometimes' | 'forever'
  }

  /** Copies what comes: the memory of each piece is used again. */
  function receive({ origin = registry.url, pause }: Reading = {}): Promise<Buffer> {
    const pieces: Buffer[] = []
    return new Promise((resolve, reject) => {
      const onResponseData = (controller: Dispatcher.DispatchController, chunk: Buffer): void => {
        pieces.push(Buffer.from(chunk))
        if (pause === 'always' || (pause === 'sometimes' && pieces.length % 7 === 0)) {
          controller.pause()
          void turns(pause === 'always' ? 1 : 20).then(() => controller.resume())
        }
        if (pause === 'forever') {
          controller.pause()
          void turns(2000).then(() => controller.abort(new Error('enough')))
        }
      }
      transport.home.dispatch(
        { origin, path: '/any', method: 'GET' },
        {
          onRequestStart: () => {},
          onResponseStart: () => {},
          onResponseData,
          onResponseEnd: () => resolve(Buffer.concat(pieces)),
          onResponseError: (_, error) => (pause === 'forever' ? resolve(Buffer.concat(pieces)) : reject(error)),
        },
      )
    })
  }
})

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

async function turns(count: number): Promise<void> {
  for (let number = 0; number < count; number++) await turn()
}
