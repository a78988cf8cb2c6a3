import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { after, describe, it } from 'node:test'
import { startDelayProxy } from '../../bench/support/delay-proxy.js'
import { seededBytes } from '../support/seeded-bytes.js'

const ROUND_TRIP_MS = 20

/** Listens until the test ends. */
async function serve(talk: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    talk(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  after(() => new Promise((resolve) => server.close(resolve)))
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function through(target: string): Promise<Socket> {
  const proxy = await startDelayProxy(target, ROUND_TRIP_MS)
  after(() => proxy.close())
  const [host = '', port = ''] = proxy.host.split(':')
  return connect({ host, port: Number(port), allowHalfOpen: true })
}

async function readToEnd(socket: Socket): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of socket) pieces.push(piece as Buffer)
  return Buffer.concat(pieces)
}

describe('a delay proxy', () => {
  it('brings back what was sent, whole and in order, and then the end', async () => {
    const socket = await through(await serve((peer) => peer.pipe(peer)))
    const bytes = seededBytes('delay', 3 * 1024 * 1024)
    socket.end(bytes)
    assert.deepEqual(await readToEnd(socket), Buffer.from(bytes))
  })

  it('takes one round trip to connect and one for each exchange', async () => {
    const started = performance.now()
    const socket = await through(await serve((peer) => peer.on('data', (bytes: Buffer) => peer.write(bytes))))
    socket.write('first')
    assert.equal(String((await once(socket, 'data'))[0]), 'first')
    assert.ok(performance.now() - started >= 2 * ROUND_TRIP_MS)
    const again = performance.now()
    socket.write('second')
    assert.equal(String((await once(socket, 'data'))[0]), 'second')
    assert.ok(performance.now() - again >= ROUND_TRIP_MS)
    socket.destroy()
  })

  it('breaks the connection of whoever talks to a server that breaks it', async () => {
    const socket = await through(await serve((peer) => peer.once('data', () => peer.resetAndDestroy())))
    socket.on('error', () => {})
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.write('hello')
    await closed
  })
})
