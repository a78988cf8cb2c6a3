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
 * While its parser is paused nobody calls `read()`: the slice stays pending, and the socket stops reading until it is taken.
 */
class LeanReader {
  #socket: Socket | undefined
  #pending: Buffer | undefined

  /** Called by Node with the number of bytes now in `buffer`; false makes it stop reading. */
  readonly onRead = (length: number, buffer: Uint8Array): boolean => {
    this.#pending = Buffer.from(buffer.buffer, buffer.byteOffset, length)
    this.#socket?.emit('readable')
    return this.#pending === undefined
  }

  attach(socket: Socket): void {
    this.#socket = socket
    const read = socket.read.bind(socket)
    const unshift = socket.unshift.bind(socket)
    socket.read = (size?: number): Buffer | null => {
      const slice = this.#pending
      // What the parser gave back is older than the slice. Node's own read() also restarts a stopped socket.
      if (size === 0 || slice === undefined || socket.readableLength > 0) return read(size)
      this.#pending = undefined
      return slice
    }
    // What a paused parser gives back must outlive the next read into the same memory.
    socket.unshift = (chunk: Buffer): void => unshift(Buffer.from(chunk))
  }
}
