import { setImmediate as nextTurn } from 'node:timers/promises'
import { HashCursor, type WrittenBytes } from '../src/blobs/hash-cursor.js'
import type { Digest, DigestAlgorithm } from '../src/oci/digest.js'
import { createHasher } from '../src/oci/hasher.js'

/** Hashes the bytes of one download. Used until `finish` or `stop`. */
export interface StreamHash {
  /** Bytes that have just been written at `offset`. From zero up to `end` all are on disk now. */
  passBy(offset: number, chunk: Uint8Array, end: number): void
  /** The digest of the first `size` bytes. Undefined when the file turned out to be shorter. */
  finish(size: number): Promise<Digest | undefined>
  /** Idempotent. */
  stop(): void
}

/**
 * Hashes on the calling thread: what comes in order while it is in the processor's cache, what was there before a step at
 * a time between reads of the network.
 */
export class InlineHash implements StreamHash {
  readonly #cursor: HashCursor
  #end: number
  #stopped = false
  #catchingUp: Promise<void> | undefined

  /** @param present bytes that are on disk already. */
  static async open(algorithm: DigestAlgorithm, source: WrittenBytes, present: number): Promise<InlineHash> {
    return new InlineHash(new HashCursor(await createHasher(algorithm), source), present)
  }

  private constructor(cursor: HashCursor, present: number) {
    this.#cursor = cursor
    this.#end = present
    if (present > 0) this.#startCatchingUp()
  }

  passBy(offset: number, chunk: Uint8Array, end: number): void {
    this.#cursor.passBy(offset, chunk)
    this.#end = end
    // A part that came early has become the next one.
    if (this.#cursor.position < end) this.#startCatchingUp()
  }

  async finish(size: number): Promise<Digest | undefined> {
    await this.#catchingUp
    await this.#catchUp()
    this.#stopped = true
    return this.#cursor.position === size ? this.#cursor.digest() : undefined
  }

  stop(): void {
    this.#stopped = true
  }

  #startCatchingUp(): void {
    this.#catchingUp ??= this.#catchUp().finally(() => {
      this.#catchingUp = undefined
    })
    // It is awaited in the end; an error that comes before that must not be taken for one that nobody awaits.
    this.#catchingUp.catch(() => undefined)
  }

  async #catchUp(): Promise<void> {
    while (!this.#stopped && this.#cursor.catchUp(this.#end)) await nextTurn()
  }
}
