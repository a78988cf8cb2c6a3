/**
 * Bytes on their way. A chunk belongs to the reader until it asks for the next one: whoever keeps it longer copies it. So a
 * file of any size goes through one buffer.
 */
export type Bytes = AsyncIterable<Uint8Array>

/** Where bytes go. */
export interface ByteSink {
  /** Resolves when the chunk is taken and more may come: this is the backpressure. The caller may reuse it then. */
  write(chunk: Uint8Array): Promise<void>
}

/** Bytes that are in memory already. */
export async function* bytesOf(...chunks: readonly Uint8Array[]): Bytes {
  yield* chunks
}

/** One after the other. */
export async function* joined(...parts: readonly Bytes[]): Bytes {
  for (const part of parts) yield* part
}

/** The same bytes; `count` hears of the length of each chunk as it passes. */
export async function* counted(source: Bytes, count: (length: number) => void): Bytes {
  for await (const chunk of source) {
    count(chunk.length)
    yield chunk
  }
}

/** All of it, in memory. @throws whatever `tooMany` gives, before more than `maxBytes` are kept. */
export async function collectBytes(bytes: Bytes, maxBytes: number, tooMany: () => Error): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of bytes) {
    length += chunk.length
    if (length > maxBytes) throw tooMany()
    // Not slice: a Buffer's would share the bytes.
    chunks.push(new Uint8Array(chunk))
  }
  const whole = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.length
  }
  return whole
}

/** A stream of bytes, read in pieces of the reader's choice. */
export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>
  #chunk: Uint8Array = new Uint8Array()
  #ended = false

  constructor(source: Bytes) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** At least one and at most `most` bytes, without copying; undefined at the end. Valid until the next call. */
  async some(most: number): Promise<Uint8Array | undefined> {
    while (this.#chunk.length === 0) {
      if (this.#ended) return undefined
      const { done, value } = await this.#source.next()
      if (done) this.#ended = true
      else this.#chunk = value
    }
    const piece = this.#chunk.subarray(0, most)
    this.#chunk = this.#chunk.subarray(piece.length)
    return piece
  }

  /** A copy of the next `length` bytes; fewer only where the stream ends. */
  async exactly(length: number): Promise<Uint8Array> {
    const whole = new Uint8Array(length)
    let at = 0
    while (at < length) {
      const piece = await this.some(length - at)
      if (piece === undefined) return whole.subarray(0, at)
      whole.set(piece, at)
      at += piece.length
    }
    return whole
  }

  /** Leaves out `length` bytes. @returns how many there were. */
  async skip(length: number): Promise<number> {
    let left = length
    while (left > 0) {
      const piece = await this.some(left)
      if (piece === undefined) break
      left -= piece.length
    }
    return length - left
  }

  /** The rest of the stream. */
  async *rest(): Bytes {
    for (;;) {
      const piece = await this.some(Number.MAX_SAFE_INTEGER)
      if (piece === undefined) return
      yield piece
    }
  }

  /** Lets the source go before its end. */
  async close(): Promise<void> {
    this.#ended = true
    this.#chunk = new Uint8Array()
    await this.#source.return?.()
  }
}
