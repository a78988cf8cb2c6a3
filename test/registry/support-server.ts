import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import { type AddressInfo, createServer as createNetServer, type Server, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { after } from 'node:test'

export interface Heard {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface TestServer {
  /** `127.0.0.1:port` */
  readonly host: string
  readonly port: number
  readonly url: string
  /** What was asked, oldest first. */
  readonly heard: Heard[]
}

export interface Reply {
  readonly status?: number
  readonly headers?: Record<string, string | string[]>
  readonly body?: string | Uint8Array
}

/** Decides the answer to one request; may take over the response and return nothing. */
export type Handler = (request: Heard, response: ServerResponse, message: IncomingMessage) => Reply | undefined

/** A real HTTP server on the loopback address, closed when the surrounding `describe` (or file) ends. */
export async function startServer(handler: Handler, tls?: ServerOptions): Promise<TestServer> {
  const heard: Heard[] = []
  const listener = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url = '', headers } = message
    const request = { method, path: url, headers, body: await text(message) }
    heard.push(request)
    const reply = handler(request, response, message)
    if (reply === undefined) return
    const { status = 200, headers: fields = {}, body = '' } = reply
    response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...fields })
    response.end(method === 'HEAD' ? undefined : body)
  }
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  const port = await listen(server)
  const url = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`
  after(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return { host: `127.0.0.1:${port}`, port, url, heard }
}

/** A server that speaks whatever the test wants. `serve` is called once the client has sent its request's headers. */
export async function startRawServer(serve: (socket: Socket, head: string) => void): Promise<TestServer> {
  const sockets = new Set<Socket>()
  const server = createNetServer((socket) => {
    sockets.add(socket)
    let head = ''
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    socket.on('data', (chunk) => {
      head += chunk.toString('latin1')
      if (!head.includes('\r\n\r\n')) return
      serve(socket, head)
      head = ''
    })
  })
  const port = await listen(server)
  after(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  return { host: `127.0.0.1:${port}`, port, url: `http://127.0.0.1:${port}`, heard: [] }
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)))
}
