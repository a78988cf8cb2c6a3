import type { WorkerSettings } from '../../src/pool/tasks.js'

/** Settings for workers that talk to servers of the test alone. */
export const WORKER_SETTINGS: WorkerSettings = Object.freeze({
  transport: {
    connectionsPerHost: 4,
    connectTimeoutMs: 5_000,
    headersTimeoutMs: 5_000,
    bodyTimeoutMs: 5_000,
    progressWindowMs: 5_000,
    minBytesPerSecond: 1,
    ca: [],
    insecureHosts: [],
    plainHttpHosts: [],
    proxy: {},
  },
  checkpointEveryBytes: 64 * 1024,
})
