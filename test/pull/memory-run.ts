import { MemoryBlobStore } from '../../src/blobs/memory-blob-store.js'
import { MemoryLeases } from '../../src/blobs/memory-leases.js'
import { MemoryEventLog } from '../../src/log/memory-event-log.js'
import { DEFAULTS, type RetryPolicy } from '../../src/options.js'
import { Jobs } from '../../src/pull/abortable.js'
import { HostPauses } from '../../src/pull/host-pauses.js'
import { Lanes } from '../../src/pull/lanes.js'
import type { ProgressEvent } from '../../src/pull/progress.js'
import type { ReadImageDeps } from '../../src/pull/read-image.js'
import { Recorder } from '../../src/pull/recorder.js'
import { Requests } from '../../src/pull/requests.js'
import { SingleFlight } from '../../src/pull/single-flight.js'
import { MemoryRegistry, type MemoryRequest } from '../../src/registry/memory-registry.js'
import { MemoryPool } from '../support/memory-pool.js'

/** The parts of a run, all in memory, put together as a pull does. */
export interface MemoryRun extends ReadImageDeps {
  readonly blobs: MemoryBlobStore
  readonly log: MemoryEventLog
  readonly registry: MemoryRegistry
  readonly lanes: Lanes
  readonly progress: readonly ProgressEvent[]
}

export interface MemoryRunOptions {
  /** Runs before each answer of the registry. */
  readonly before?: (request: MemoryRequest) => void | Promise<void>
  readonly retry?: Partial<RetryPolicy>
  readonly jobs?: number
}

export function aMemoryRun({ before, retry: changes, jobs: width = 4 }: MemoryRunOptions = {}): MemoryRun {
  const retry = { ...DEFAULTS.retry, retries: 2, minDelayMs: 0, maxDelayMs: 0, ...changes }
  const registry = new MemoryRegistry({ ...(before && { before }) })
  const blobs = new MemoryBlobStore()
  const log = new MemoryEventLog()
  const lanes = new Lanes(width)
  const jobs = new Jobs()
  const progress: ProgressEvent[] = []
  const parts = { log, blobs, boot: 'boot' }
  const requests = new Requests({
    registry,
    lanes,
    jobs,
    pauses: new HostPauses({ lanes, policy: retry, random: () => 0, now: () => 0 }),
    retry,
    hooks: { random: () => 0 },
    onProgress: (event) => progress.push(event),
  })
  return {
    ...parts,
    registry,
    lanes,
    jobs,
    progress,
    requests,
    leases: new MemoryLeases(),
    pool: new MemoryPool(registry, blobs),
    recorder: new Recorder({ ...parts, durability: 'full', materialise: async () => undefined, now: () => 0 }),
    verifying: new SingleFlight(),
  }
}
