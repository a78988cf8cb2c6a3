import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { after, afterEach, beforeEach, describe, it } from 'node:test'
import type { Dispatcher } from 'undici'
import { requestBlob } from '../../src/registry/http-blob.js'
import type { BlobRequest, BlobSink } from '../../src/registry/http-blob-exchange.js'
import { openTransport, type Transport } from '../../src/registry/http-dispatcher.js'
import { buildLeanConnector } from '../../src/registry/http-lean-socket.js'
import { aTransport } from '../support/a-transport.js'
import { contentOf } from '../support/blob-content.js'
import { anAnswer } from '../support/raw-answer.js'
import { type RawRegistry, startRawRegistry } from '../support/raw-registry.js'
import * as steps from '../support/raw-steps.js'
import { seededBytes } from '../support/seeded-bytes.js'

const BYTES = Buffer.from(seededBytes('a blob', 600_000))
const PATH = '/v2/app/blobs/any'

describe('requestBlob', () => {
  let registry: RawRegistry
  let transport: Transport
  const transports: Transport[] = []

  beforeEach(async () => {
    registry = await startRawRegistry()
    registry.always({ path: PATH }, () => anAnswer({ body: contentOf(BYTES) }))
    transport = open()
  })
  afterEach(() => registry.close())
  after(() => Promise.all(transports.map((opened) => opened.destroy())))

  function open(changes: Parameters<typeof aTransport>[0] = {}): Transport {
    const opened = openTransport(aTransport(changes), { build: buildLeanConnector })
    transports.push(opened)
    return opened
  }

  /** What arrived, and where it was said to belong. */
  async function request(changes: Partial<BlobRequest> & { readonly sink?: Partial<BlobSink> } = {}) {
    const arrived: Buffer[] = []
    const starts: number[] = []
    const { sink, ...given } = changes
    const size = BYTES.length
    await requestBlob(
      transport,
      {
        source: { url: `${registry.url}${PATH}`, headers: {}, host: registry.host },
        from: 0,
        to: size,
        size,
        fresh: false,
        limits: transport.options,
        signal: new AbortController().signal,
        ...given,
      },
      {
        start: (offset) => void starts.push(offset),
        chunk: (bytes) => arrived.push(Buffer.from(bytes)) > 0,
        ...sink,
      },
    )
    return { bytes: Buffer.concat(arrived), starts }
  }

  it('hands over every byte, in order, beginning at zero', async () => {
    const { bytes, starts } = await request()
    assert.ok(bytes.equals(BYTES), 'other bytes')
    assert.deepEqual(starts, [0])
  })

  it('uses its connection again', async () => {
    for (let time = 0; time < 5; time++) {
      await request()
      // undici gives a server one turn to close what it said it would keep open.
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.equal(registry.connections.opened, 1)
  })

  it('ends with the error that the sink throws, at the start or in the middle', async () => {
    const failure = Object.assign(new Error('disk'), { code: 'ENOSPC' })
    const fail = () => {
      throw failure
    }
    for (const sink of [{ start: fail }, { chunk: fail }]) await assert.rejects(request({ sink }))
    assert.ok((await request()).bytes.equals(BYTES))
  })

  it('ends well when the sink wants no more', async () => {
    let received = 0
    const chunk = ({ length }: Uint8Array): boolean => {
      received += length
      return received < 1000
    }
    await request({ sink: { chunk } })
    assert.ok(received < BYTES.length)
  })

  describe('under a signal', () => {
    const ABORTED = { code: 'ABORTED' }

    it('that has gone off asks for nothing', async () => {
      await assert.rejects(request({ signal: AbortSignal.abort() }), ABORTED)
      assert.equal(registry.requests.length, 0)
    })

    it('ends at once in the middle', async () => {
      const stop = new AbortController()
      registry.script({}, steps.hangAfter(1000))
      const running = request({ signal: stop.signal, sink: { start: () => stop.abort() } })
      await assert.rejects(running, ABORTED)
    })

    it('ends at once while the answer does not come', async () => {
      const stop = new AbortController()
      registry.script({}, steps.hangAfter(0))
      const asked = registry.nextRequest()
      const running = request({ signal: stop.signal })
      await asked
      stop.abort()
      await assert.rejects(running, ABORTED)
    })

    it('ends at once while there is no connection yet, and asks for nothing later', async () => {
      const stop = new AbortController()
      let begin: (() => void) | undefined
      let aborted = false
      const controller = { abort: () => (aborted = true) } as unknown as Dispatcher.DispatchController
      const dispatch: Dispatcher['dispatch'] = (_, handler) => {
        begin = () => handler.onRequestStart?.(controller, {})
        return true
      }
      transport = { ...transport, home: { dispatch } as Dispatcher }
      const running = request({ signal: stop.signal })
      stop.abort()
      await assert.rejects(running, ABORTED)
      begin?.()
      assert.equal(aborted, true)
    })

    it('ends at once while it waits for a connection that others use', async () => {
      transport = open({ connectionsPerHost: 1 })
      const [first, second] = [new AbortController(), new AbortController()]
      registry.script({}, steps.hangAfter(0))
      const asked = registry.nextRequest()
      const using = request({ signal: first.signal })
      await asked
      const waiting = request({ signal: second.signal })
      second.abort()
      await assert.rejects(waiting, ABORTED)
      first.abort()
      await assert.rejects(using, ABORTED)
      assert.equal(registry.requests.length, 1)
    })

    it('ends at once while the host does not answer the call', async () => {
      const deaf = await deafServer()
      const stop = new AbortController()
      transport = open({ connectTimeoutMs: 20_000, insecureHosts: ['*'] })
      const url = `https://127.0.0.1:${(deaf.address() as AddressInfo).port}${PATH}`
      const connected = once(deaf, 'connection') as Promise<Socket[]>
      const running = request({ source: { url, headers: {}, host: 'deaf' }, signal: stop.signal })
      const [socket] = await connected
      const started = performance.now()
      stop.abort()
      await assert.rejects(running, ABORTED)
      assert.ok(performance.now() - started < 1000)
      socket?.destroy()
      deaf.close()
    })
  })
})

/** Accepts connections and never says a word: a TLS handshake with it does not end. */
async function deafServer(): Promise<Server> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}
