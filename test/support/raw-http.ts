import type { Duplex } from 'node:stream'

/** A request as it came over the wire. Header names are lower-case. */
export interface RawRequest {
  readonly method: string
  /** Path without the query. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string>>
  /** As text; of an upload, whatever that gives. */
  readonly body: string
  readonly bytes: Uint8Array
}

/** How the server serves. */
export interface ServeOptions {
  /** `false`: nothing more is read from this peer. */
  serve(request: RawRequest): Promise<boolean>
  /** Asked with the head of a request: the bytes of its body to wait for, when not for all of them. */
  bodyLimit?(head: RawRequest): number | undefined
}

const MAX_HEAD_BYTES = 64 * 1024

/**
 * Calls `serve` for each request of a connection, one after the other, until the peer ends it or `serve` says `false`.
 * HTTP/1.1 by hand on purpose: the server must be able to break every rule, and node:http would not let it.
 */
export function serveRequests(socket: Duplex, { serve, bodyLimit = () => undefined }: ServeOptions): void {
  let chunks: Buffer[] = []
  let length = 0
  /** Less than that cannot be a whole request. */
  let needed = 0
  /** Asked once for each request, however many reads its body takes. */
  let limit: { readonly bytes: number | undefined } | undefined
  let serving = false
  const cut = (): CutRequest | undefined => {
    if (length < needed) return undefined
    const bytes = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
    const found = cutRequest(bytes, (head) => {
      limit ??= { bytes: bodyLimit(head) }
      return limit.bytes
    })
    if (typeof found === 'object') limit = undefined
    chunks = [typeof found === 'object' ? found.rest : bytes]
    length = chunks[0]?.length ?? 0
    needed = typeof found === 'number' ? found : 0
    return typeof found === 'object' ? found : undefined
  }
  const next = async (): Promise<void> => {
    if (serving) return
    serving = true
    for (let found = cut(); found !== undefined; found = cut()) {
      if (!(await serve(found.request))) return // `serving` stays true: nothing more is read from this peer
    }
    serving = false
  }
  socket.on('data', (bytes: Buffer) => {
    chunks.push(bytes)
    length += bytes.length
    // A client that tries TLS first, as skopeo does, would wait ten seconds for the end of the handshake.
    if (!serving && !/^[A-Z]/.test(String.fromCharCode(chunks.find((chunk) => chunk.length > 0)?.[0] ?? 0))) {
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

/** The first whole request in `bytes`, or how many bytes that takes at least. */
function cutRequest(bytes: Buffer, bodyLimit: NonNullable<ServeOptions['bodyLimit']>): CutRequest | number {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) {
    if (bytes.length > MAX_HEAD_BYTES) throw new Error('request head is too large')
    return bytes.length + 1
  }
  const [requestLine = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n')
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const colon = line.indexOf(':')
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
  }
  const [method = '', target = ''] = requestLine.split(' ')
  const [path = '', query = ''] = target.split('?', 2)
  const head = { method, path, query: new URLSearchParams(query), headers, body: '', bytes: Buffer.alloc(0) }
  const bodyStart = end + 4
  const bodyEnd = bodyStart + Math.min(Number(headers['content-length'] ?? 0), bodyLimit(head) ?? Number.MAX_VALUE)
  if (bytes.length < bodyEnd) return bodyEnd
  const sent = bytes.subarray(bodyStart, bodyEnd)
  return { request: { ...head, body: sent.toString('utf8'), bytes: sent }, rest: bytes.subarray(bodyEnd) }
}
