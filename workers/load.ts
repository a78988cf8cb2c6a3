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

/** Below this a blob is fetched over one connection: by the time a second one has warmed up it would have arrived. */
const SPLIT_FROM_BYTES = 64 * 1024 * 1024
/** As many as a whole pull has by default: one blob is not to be ruder to a server than many. */
const MOST_CONNECTIONS = 8

/** How many connections a blob of this size may have: the host's budget, shared with the other downloads. */
export function connectionsFor({ load, transport }: WorkerSettings, size: number): number {
  if (size < SPLIT_FROM_BYTES) return 1
  const running = load === undefined ? 1 : Math.max(1, Atomics.load(new Int32Array(load.running), 0))
  return Math.max(1, Math.min(MOST_CONNECTIONS, Math.floor(transport.connectionsPerHost / running)))
}
