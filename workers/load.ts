import type { WorkerSettings } from '../src/pool/tasks.js'

/** Counts a download that begins, over all threads. Call what it gives when the download has ended; idempotent. */
export function enterLoad({ load }: WorkerSettings): () => void {
  if (load === undefined) return () => {}
  const counter = new Int32Array(load.running)
  Atomics.add(counter, 0, 1)
  let inside = true
  return () => {
    if (inside) Atomics.sub(counter, 0, 1)
    inside = false
  }
}

/** Whether each running download could have a second processor. Never for downloads on the calling thread. */
export function hasIdleProcessor({ load }: WorkerSettings): boolean {
  return load !== undefined && 2 * Atomics.load(new Int32Array(load.running), 0) <= load.processors
}
