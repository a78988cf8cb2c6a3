import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { DelayLine } from './delay-line.js'

export interface DelayProxy {
  /** `127.0.0.1:port`: use it in place of the server's. */
  readonly host: string
  /** Breaks all connections. Idempotent. */
  close(): Promise<void>
}

/** Bytes on their way in one direction of one connection: more than 1 GB/s over 25 ms, so that it limits nobody. */
const IN_FLIGHT = 64 * 1024 * 1024

/**
 * A far server: everything sent to and from `target` arrives half a round trip later, in order, and a new connection can
 * carry its first byte only after a round trip, as a TCP handshake costs one. Latency only: it does not limit bandwidth.
 */
export async function startDelayProxy(target: string, roundTripMs: number): Promise<DelayProxy> {
  const [host = '', port = ''] = target.split(':')
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const far = connect({ host, port: Number(port), allowHalfOpen: true, noDelay: true })
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    }
    const established = performance.now() + roundTripMs
    carry(near, far, new DelayLine(roundTripMs / 2, established))
    carry(far, near, new DelayLine(roundTripMs / 2))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      if (server.listening) await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** `'end'` travels like bytes do: what was sent before it arrives before it. */
function carry(from: Socket, to: Socket, line: DelayLine<Buffer | 'end'>): void {
  let inFlight = 0
  let timer: NodeJS.Timeout | undefined
  const deliver = (): void => {
    timer = undefined
    for (const item of line.leave(performance.now())) {
      if (item === 'end') to.end()
      else to.write(item, () => arrived(item.length))
    }
    schedule()
  }
  const schedule = (): void => {
    if (timer !== undefined || line.nextAt === undefined) return
    // Rounded up: Node's timers count whole milliseconds, and one that fires early would find nothing due.
    timer = setTimeout(deliver, Math.ceil(line.nextAt - performance.now()))
  }
  const arrived = (bytes: number): void => {
    inFlight -= bytes
    if (inFlight < IN_FLIGHT) from.resume()
  }
  from.on('data', (bytes: Buffer) => {
    inFlight += bytes.length
    if (inFlight >= IN_FLIGHT) from.pause()
    line.enter(bytes, performance.now())
    schedule()
  })
  from.once('end', () => {
    line.enter('end', performance.now())
    schedule()
  })
  // A broken connection is not delayed: whoever broke it waits for nothing.
  from.on('error', () => to.resetAndDestroy())
  from.once('close', () => {
    if (!from.readableEnded) to.resetAndDestroy()
  })
  to.once('close', () => clearTimeout(timer))
}
