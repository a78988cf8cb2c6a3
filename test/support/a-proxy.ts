import { once } from 'node:events'
import { createServer, type IncomingMessage, request } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'

export interface ProxyRequest {
  /** `CONNECT` for a tunnel. */
  readonly method: string
  /** `host:port`, as the client named it. */
  readonly target: string
  readonly authorization: string | undefined
}

export interface TestProxy {
  /** `127.0.0.1:port`. */
  readonly host: string
  /** Every tunnel and plain request that was asked for, oldest first. */
  readonly asked: ProxyRequest[]
  close(): Promise<void>
}

/**
 * A forward proxy on the loopback address that knows names no DNS has: `registry.example` or `registry.example:8443` to the port
 * of a server on this machine. What it does not know it answers with 502.
 */
export async function startProxy(ports: Readonly<Record<string, number>>): Promise<TestProxy> {
  const asked: ProxyRequest[] = []
  const sockets = new Set<Socket>()
  const portOf = (target: string): number | undefined => ports[target] ?? ports[target.replace(/:\d+$/, '')]
  const note = ({ method = '', headers }: IncomingMessage, target: string): void => {
    asked.push({ method, target, authorization: headers['proxy-authorization'] })
  }
  const server = createServer((message, response) => {
    const url = new URL(message.url ?? '', 'http://unknown')
    note(message, `${url.hostname}:${url.port || 80}`)
    const port = portOf(url.host)
    if (port === undefined) {
      response.writeHead(502).end()
      return
    }
    const { 'proxy-authorization': _, ...headers } = message.headers
    const path = url.pathname + url.search
    const onward = request(
      { host: '127.0.0.1', port, path, method: message.method, headers, agent: false },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      },
    )
    onward.on('error', () => response.destroy())
    message.pipe(onward)
  })
  server.on('connection', (socket) => sockets.add(socket))
  server.on('connect', (message, socket: Socket) => {
    const target = message.url ?? ''
    note(message, target)
    const port = portOf(target)
    if (port === undefined) {
      socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n')
      return
    }
    const onward = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      socket.pipe(onward).pipe(socket)
    })
    sockets.add(onward)
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
