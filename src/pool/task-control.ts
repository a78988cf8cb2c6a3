/**
 * Sixteen bytes of shared memory between the main thread and one task: the worker adds up bytes, the main thread may ask
 * it to stop. Messages would cost a wake-up per chunk; terminating the thread would take its other tasks down with it.
 */
const BYTES = 0
const STOP = 1

export function createControl(): SharedArrayBuffer {
  return new SharedArrayBuffer(16)
}

/** Worker: bytes of the blob that are accounted for so far (resumed and received). */
export function reportBytes(control: SharedArrayBuffer, bytes: number): void {
  new BigInt64Array(control)[BYTES] = BigInt(bytes)
}

/** Main thread: what the worker last reported. A torn read is impossible: the slot is one aligned 64-bit word. */
export function reportedBytes(control: SharedArrayBuffer): number {
  return Number(Atomics.load(new BigInt64Array(control), BYTES))
}

/** Main thread: asks the task to end with ABORTED soon. Idempotent. */
export function requestStop(control: SharedArrayBuffer): void {
  Atomics.store(new BigInt64Array(control), STOP, 1n)
}

/** Worker: whether it should end. Cheap enough for each chunk; idle tasks look on a timer. */
export function stopRequested(control: SharedArrayBuffer): boolean {
  return Atomics.load(new BigInt64Array(control), STOP) !== 0n
}
