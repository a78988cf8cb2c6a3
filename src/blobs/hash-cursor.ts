import type { Digest } from '../oci/digest.js'
import type { Hasher } from '../oci/hasher.js'

/** Bytes read at a time to catch up: one read and one update take about a millisecond, so that others get their turn. */
const STEP_BYTES = 1024 * 1024

/** Where the bytes that did not pass by in order can be read again. */
export interface WrittenBytes {
  /** Fills `buffer` from `offset`, and says how many bytes there were. */
  read(offset: number, buffer: Uint8Array): number
}

/**
 * Hashes a blob while it arrives. Bytes that come in order are hashed while they are in the processor's cache. Bytes that
 * an earlier run had left, or that came early, are read again from disk when their turn comes: no hash state is ever
 * stored, so a tampered or torn ingest cannot lie about what was hashed.
 */
export class HashCursor {
  readonly #hasher: Hasher
  readonly #source: WrittenBytes
  /** Made when it is needed: most blobs are small, and come in order. */
  #buffer: Uint8Array | undefined
  #position = 0

  constructor(hasher: Hasher, source: WrittenBytes) {
    this.#hasher = hasher
    this.#source = source
  }

  /** Bytes hashed so far. */
  get position(): number {
    return this.#position
  }

  /** A chunk that was just written at `offset`: hashed now if it is next, else left for {@link catchUp}. */
  passBy(offset: number, chunk: Uint8Array): void {
    if (offset !== this.#position) return
    this.#hasher.update(chunk)
    this.#position += chunk.length
  }

  /** Hashes one step of what is on disk up to `end`. False when nothing is left to do, or the disk has less. */
  catchUp(end: number): boolean {
    const wanted = Math.min(STEP_BYTES, end - this.#position)
    if (wanted <= 0) return false
    this.#buffer ??= new Uint8Array(STEP_BYTES)
    const length = this.#source.read(this.#position, this.#buffer.subarray(0, wanted))
    this.#hasher.update(this.#buffer.subarray(0, length))
    this.#position += length
    return length > 0
  }

  /** Ends the cursor. */
  digest(): Digest {
    return this.#hasher.digest()
  }
}
