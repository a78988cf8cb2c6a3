import type { Socket } from 'node:net'
import type * as undici from 'undici'
import { buildConnector } from './http-undici.js'

/** One read's worth. Larger does not help: the kernel seldom has more ready. */
const BUFFER_BYTES = 256 * 1024

/**
 * Connects sockets that read into one reused buffer each. Node's stock sockets allocate 64 KiB for every read: receiving
 * takes 1.4 times the CPU with them (`bench/registry/lean-socket.bench.ts`), and a chunk that is hashed and written while it
 * is in the processor's cache saves more. undici's parser only looks at a chunk while it is being parsed, so the memory can
 * be used again at once.
 *
 * The bytes a response handler sees are valid only until it returns: hash and write them there, or copy them.
 * Works for TLS too: there the buffer receives what was decrypted.
 */
export function buildLeanConnector(options: undici.buildConnector.BuildOptions): undici.buildConnector.connector {
  return (target, callback) => {
    const reader = new LeanReader()
    const onread = { buffer: Buffer.allocUnsafeSlow(BUFFER_BYTES), callback: reader.onRead }
    const connect = buildConnector({ ...options, onread } as undici.buildConnector.BuildOptions)
    connect(target, (...result) => {
      const [error, socket] = result
      if (error === null) reader.attach(socket)
      callback(...result)
    })
  }
}

/**
 * Hands each read to undici through the two calls it makes: it waits for `readable`, then calls `read()` until null.
 * While its parser is paused nobody calls `read()`: then a copy of what came waits in the socket's own buffer, and the socket
 * stops reading until that is taken. Over TLS some more reads come all the same: what was decrypted in one go is handed
 * over in one go.
 */
class LeanReader {
  #socket: Socket | undefined
  /** In the memory of the next read: to be taken before {@link onRead} returns. */
  #slice: Buffer | undefined
  /** What a server said before it was asked: copies. */
  readonly #early: Buffer[] = []

  /** Called by Node with the number of bytes now in `buffer`; false makes it stop reading. */
  readonly onRead = (length: number, buffer: Uint8Array): boolean => {
    const slice = Buffer.from(buffer.buffer, buffer.byteOffset, length)
    if (this.#socket === undefined) {
      this.#early.push(Buffer.from(slice))
      return false
    }
    if (this.#socket.readableLength === 0 && this.#offer(this.#socket, slice)) return true
    this.#socket.push(Buffer.from(slice))
    return false
  }

  attach(socket: Socket): void {
    this.#socket = socket
    const read = socket.read.bind(socket)
    const unshift = socket.unshift.bind(socket)
    socket.read = (size?: number): Buffer | null => {
      const slice = this.#slice
      // What waits in the socket's buffer is older. Node's own read() also restarts a stopped socket.
      if (size === 0 || slice === undefined || socket.readableLength > 0) return read(size)
      this.#slice = undefined
      return slice
    }
    // What a paused parser gives back must outlive the next read into the same memory.
    socket.unshift = (chunk: Buffer): void => unshift(Buffer.from(chunk))
    for (const bytes of this.#early) socket.push(bytes)
  }

  /** Whether it was taken. */
  #offer(socket: Socket, slice: Buffer): boolean {
    this.#slice = slice
    socket.emit('readable')
    const taken = this.#slice === undefined
    this.#slice = undefined
    return taken
  }
}
