import { Worker } from 'node:worker_threads'
import { type Digest, type DigestAlgorithm, isDigest } from '../src/oci/digest.js'
import { END, type HashThreadData, NEVER_MIND, UNKNOWN, WRITTEN } from './hash-control.js'
import type { StreamHash } from './stream-hash.js'

const HASH_THREAD = new URL('./hash-thread.js', import.meta.url)

/**
 * Hashes on a thread of its own, which reads the bytes back from the page cache as they are written. One large layer then
 * uses two processors: 1 GiB from loopback takes 0.89 s instead of 1.30 s, and 1.53 s of CPU instead of 1.42 s (medians of 5,
 * worker alone, `relaxed`).
 */
export class ThreadHash implements StreamHash {
  readonly #control = new BigInt64Array(new SharedArrayBuffer(16))
  readonly #thread: Worker
  readonly #digest: Promise<Digest | undefined>

  constructor(path: string, algorithm: DigestAlgorithm, present: number) {
    this.#control[WRITTEN] = BigInt(present)
    this.#control[END] = UNKNOWN
    const workerData: HashThreadData = { path, algorithm, control: this.#control.buffer as SharedArrayBuffer }
    this.#thread = new Worker(HASH_THREAD, { workerData })
    this.#digest = new Promise((resolve) => {
      this.#thread.once('message', (digest: unknown) => resolve(isDigest(digest) ? digest : undefined))
      // Out of memory, out of threads: the caller then hashes once more by itself.
      this.#thread.once('error', () => resolve(undefined))
      this.#thread.once('exit', () => resolve(undefined))
    })
  }

  passBy(_offset: number, _chunk: Uint8Array, end: number): void {
    this.#tell(WRITTEN, BigInt(end))
  }

  finish(size: number): Promise<Digest | undefined> {
    this.#tell(END, BigInt(size))
    return this.#digest
  }

  stop(): void {
    this.#tell(END, NEVER_MIND)
  }

  #tell(slot: number, value: bigint): void {
    Atomics.store(this.#control, slot, value)
    Atomics.notify(this.#control, WRITTEN)
  }
}
