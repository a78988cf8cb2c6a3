import type { Duplex } from 'node:stream'

/** A request as it came over the wire. Header names are lower-case. */
export interface RawRequest {
  readonly method: string
  /** Path without the query. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const MAX_HEAD_BYTES = 64 * 1024

/**
 * Calls `serve` for each request of a connection, one after the other, until the peer ends it or `serve` says `false`.
 * HTTP/1.1 by hand on purpose: the server must be able to break every rule, and node:http would not let it.
 */
export function serveRequests(socket: Duplex, serve: (request: RawRequest) => Promise<boolean>): void {
  let pending: Buffer = Buffer.alloc(0)
  let serving = false
  const next = async (): Promise<void> => {
    if (serving) return
    serving = true
    for (let cut = cutRequest(pending); cut !== undefined; cut = cutRequest(pending)) {
      pending = cut.rest
      if (!(await serve(cut.request))) return // `serving` stays true: nothing more is read from this peer
    }
    serving = false
  }
  socket.on('data', (bytes: Buffer) => {
    pending = Buffer.concat([pending, bytes])
    // A client that tries TLS first, as skopeo does, would wait ten seconds for the end of the handshake.
    if (!serving && !/^[A-Z]/.test(String.fromCharCode(pending[0] ?? 0))) {
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
      return
    }
    next().catch((error: unknown) => socket.destroy(error instanceof Error ? error : new Error(String(error))))
  })
}

interface CutRequest {
  readonly request: RawRequest
  readonly rest: Buffer
}

/** The first whole request in `bytes`, if there is one. */
function cutRequest(bytes: Buffer): CutRequest | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) {
    if (bytes.length > MAX_HEAD_BYTES) throw new Error('request head is too large')
    return undefined
  }
  const [requestLine = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n')
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const colon = line.indexOf(':')
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
  }
  const bodyStart = end + 4
  const bodyEnd = bodyStart + Number(headers['content-length'] ?? 0)
  if (bytes.length < bodyEnd) return undefined
  const [method = '', target = ''] = requestLine.split(' ')
  const [path = '', query = ''] = target.split('?', 2)
  const body = bytes.toString('utf8', bodyStart, bodyEnd)
  return {
    request: { method, path, query: new URLSearchParams(query), headers, body },
    rest: bytes.subarray(bodyEnd),
  }
}
