/** A thread that hashes a file while another thread writes it. Posts the digest, or the error's text. See thread-hash.ts. */
import { closeSync, openSync, readSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { createHasher } from '../src/oci/hasher.js'
import { END, type HashThreadData, NEVER_MIND, UNKNOWN, WRITTEN } from './hash-control.js'

/** Bytes read at a time: few enough to stay in the processor's cache between being read and being hashed. */
const STEP_BYTES = 256 * 1024

void hashAlong(workerData as HashThreadData)

async function hashAlong({ path, algorithm, control }: HashThreadData): Promise<void> {
  const slots = new BigInt64Array(control)
  const hasher = await createHasher(algorithm)
  const file = openSync(path, 'r')
  const buffer = new Uint8Array(STEP_BYTES)
  let position = 0
  try {
    for (;;) {
      const written = Number(Atomics.load(slots, WRITTEN))
      const end = Atomics.load(slots, END)
      if (end === NEVER_MIND || (end !== UNKNOWN && position >= Number(end))) break
      if (position === written) Atomics.wait(slots, WRITTEN, BigInt(written), 100)
      const count = readSync(file, buffer, 0, Math.min(STEP_BYTES, written - position), position)
      // The file is shorter than what was written: no digest of it will fit, and there is nothing to wait for.
      if (count === 0 && position < written) break
      hasher.update(buffer.subarray(0, count))
      position += count
    }
    parentPort?.postMessage(hasher.digest())
  } finally {
    closeSync(file)
  }
}
