import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type BlobContent, contentOf, EMPTY_CONTENT, sliceContent } from './blob-content.js'

/** What the server will send: right by default, and each field can be made wrong. */
export interface Answer {
  readonly version: '1.0' | '1.1'
  readonly status: number
  /** Sent as they are. Content-Length is added to them when `framing` is `length` and they have none. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: BlobContent
  readonly framing: 'length' | 'chunked' | 'close'
  /** Sent in place of everything above, then the connection ends. */
  readonly raw?: Uint8Array
  /** Body bytes after which the answer stops and `end` happens. Default: all. */
  readonly cutAfter?: number
  /** `keep-alive`: ready for the next request; `fin` and `reset` close; `hang` sends nothing until the peer gives up. */
  readonly end: 'keep-alive' | 'fin' | 'reset' | 'hang'
  /** Holds back the rest of the body from this byte on. */
  readonly pause?: { readonly after: number; readonly until: Promise<unknown> }
  /** Sends the body in steps of `bytes`, one each `everyMs`. */
  readonly pace?: { readonly bytes: number; readonly everyMs: number }
}

export function anAnswer(answer: Partial<Answer> = {}): Answer {
  return {
    version: '1.1',
    status: 200,
    headers: {},
    body: EMPTY_CONTENT,
    framing: 'length',
    end: 'keep-alive',
    ...answer,
  }
}

export function jsonAnswer(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  const body = contentOf(Buffer.from(JSON.stringify(value)))
  const typed = Object.keys(headers).some((name) => name.toLowerCase() === 'content-type')
  return anAnswer({ status, headers: { ...(!typed && { 'content-type': 'application/json' }), ...headers }, body })
}

/** An error as distribution-spec v1.1 "Error Codes" words it. */
export function errorAnswer(status: number, code: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return jsonAnswer(status, { errors: [{ code, message: code.toLowerCase().replaceAll('_', ' ') }] }, headers)
}

/** The stream that speaks HTTP, and the TCP socket below it (the same without TLS): a reset needs the latter. */
export interface Connection {
  readonly stream: Duplex
  readonly socket: Socket
  /** Resolves when the connection is no more. */
  readonly gone: Promise<unknown>
}

/** Writes the answer to a request; a HEAD gets the headers of the body without it. Resolves to whether the connection may serve another request. */
export async function writeAnswer(answer: Answer, method: string, connection: Connection): Promise<boolean> {
  const { stream } = connection
  if (answer.raw !== undefined) {
    await write(stream, answer.raw)
  } else {
    // One packet for the head and a small body: without cork each is a write of its own.
    stream.cork()
    stream.write(headOf(answer))
    process.nextTick(() => stream.uncork())
    if (method !== 'HEAD') await writeBody(answer, connection)
  }
  return finish(answer, connection)
}

async function finish({ end, framing, raw }: Answer, { stream, socket }: Connection): Promise<boolean> {
  const last = raw !== undefined || framing === 'close'
  if (end === 'reset') {
    // A reset throws away what was not sent yet: what the test was promised must at least have reached the kernel.
    await flush(stream)
    await flush(socket)
    socket.resetAndDestroy()
  } else if (end === 'fin' || (end === 'keep-alive' && last)) {
    stream.end()
  }
  return end === 'keep-alive' && !last
}

function headOf({ version, status, headers, framing, body }: Answer): string {
  const named = new Set(Object.keys(headers).map((name) => name.toLowerCase()))
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  if (framing === 'length' && !named.has('content-length')) lines.push(`Content-Length: ${body.size}`)
  if (framing === 'chunked') lines.push('Transfer-Encoding: chunked')
  if (framing === 'close') lines.push('Connection: close')
  return [`HTTP/${version} ${status} ${REASONS[status] ?? 'Whatever'}`, ...lines, '', ''].join('\r\n')
}

async function writeBody(answer: Answer, { stream, gone }: Connection): Promise<void> {
  const end = Math.min(answer.cutAfter ?? answer.body.size, answer.body.size)
  const hold = Math.min(answer.pause?.after ?? end, end)
  await writePieces(answer, stream, sliceContent(answer.body, 0, hold))
  if (answer.pause !== undefined) {
    await Promise.race([answer.pause.until, gone])
    await writePieces(answer, stream, sliceContent(answer.body, hold, end))
  }
  // A chunked body that was cut off must not look complete.
  if (answer.framing === 'chunked' && answer.cutAfter === undefined) await write(stream, Buffer.from('0\r\n\r\n'))
}

async function writePieces({ framing, pace }: Answer, stream: Duplex, content: BlobContent): Promise<void> {
  const step = pace?.bytes ?? content.size
  const started = performance.now()
  for (let at = 0; at < content.size; at += step) {
    for (const piece of content.read(at, Math.min(content.size, at + step))) {
      if (stream.destroyed) return
      if (framing === 'chunked') stream.write(`${piece.length.toString(16)}\r\n`)
      await write(stream, piece)
      if (framing === 'chunked') stream.write('\r\n')
    }
    if (pace === undefined || at + step >= content.size) continue
    // Against the start, not the last step: late timers must not add up to a slower line.
    const due = started + ((at + step) / step) * pace.everyMs
    if (due > performance.now()) await delay(due - performance.now())
  }
}

/** Resolves when there is room for more. The callback comes in any case, also when the connection broke. */
function write(stream: Duplex, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    if (stream.write(bytes, () => resolve())) resolve()
  })
}

function flush(stream: Duplex): Promise<void> {
  return new Promise((resolve) => stream.write('', () => resolve()))
}

/** Not a reason for the process to live: a server that was closed in the middle must not keep a test running. */
function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  206: 'Partial Content',
  307: 'Temporary Redirect',
  401: 'Unauthorized',
  404: 'Not Found',
  405: 'Method Not Allowed',
  416: 'Range Not Satisfiable',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}
