import type { Descriptor } from '../oci/descriptor.js'
import { wrongSize } from './wrong-size.js'

/** A blob that is read on and on, in pieces of sizes that are only known when they are taken. */
export class UploadPieces {
  readonly #source: AsyncIterator<Uint8Array>
  readonly #blob: Pick<Descriptor, 'digest' | 'size'>
  #rest: Uint8Array = new Uint8Array()
  #at: number

  constructor(
    source: AsyncIterable<Uint8Array>,
    { from, ...blob }: Pick<Descriptor, 'digest' | 'size'> & { from: number },
  ) {
    this.#source = source[Symbol.asyncIterator]()
    this.#blob = blob
    this.#at = from
  }

  /** Where the next byte lies in the blob. */
  get at(): number {
    return this.#at
  }

  /** @throws HearthError SIZE_MISMATCH when the blob ends before that many bytes came, or goes on behind its size. */
  async *take(bytes: number): AsyncGenerator<Uint8Array> {
    const end = this.#at + bytes
    while (this.#at < end) {
      if (this.#rest.length === 0 && !(await this.#next())) throw wrongSize(this.#blob, this.#at)
      const piece = this.#rest.subarray(0, end - this.#at)
      this.#rest = this.#rest.subarray(piece.length)
      // The last byte is only given when it is known to be the last.
      if (this.#at + piece.length === this.#blob.size && (this.#rest.length > 0 || (await this.#next()))) {
        throw wrongSize(this.#blob, this.#blob.size + 1)
      }
      this.#at += piece.length
      yield piece
    }
  }

  async end(): Promise<void> {
    await this.#source.return?.()
  }

  async #next(): Promise<boolean> {
    const { done, value } = await this.#source.next()
    this.#rest = done ? new Uint8Array() : value
    return !done
  }
}
