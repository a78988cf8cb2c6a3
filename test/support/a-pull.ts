import type { DiskSpace } from '../../src/blobs/disk-space.js'
import { FsBlobStore } from '../../src/blobs/fs-blob-store.js'
import { FsClaims } from '../../src/blobs/fs-claim.js'
import { FsLeases } from '../../src/blobs/fs-lease.js'
import { MemoryEventLog } from '../../src/log/memory-event-log.js'
import { parsePlatform } from '../../src/oci/platform.js'
import { DEFAULTS, type RetryPolicy } from '../../src/options.js'
import { InlinePool } from '../../src/pool/inline-pool.js'
import type { ProgressEvent } from '../../src/pull/progress.js'
import { type PullRequest, pull } from '../../src/pull/pull.js'
import { Recorder } from '../../src/pull/recorder.js'
import type { PullReport } from '../../src/pull/report.js'
import type { Credentials } from '../../src/registry/credentials.js'
import { openTransport } from '../../src/registry/http-dispatcher.js'
import { HttpRegistry } from '../../src/registry/http-registry.js'
import { MemoryCredentials } from '../../src/registry/memory-credentials.js'
import { parseMirrors } from '../../src/registry/mirrors.js'
import type { TransportOptions } from '../../src/transport.js'
import { aTransport } from './a-transport.js'

/** Everything a pull is made of, with a log in memory and no threads: real requests, real files. */
export interface TestPull {
  readonly log: MemoryEventLog
  readonly blobs: FsBlobStore
  readonly progress: readonly ProgressEvent[]
  /** How often index.json would have been written, with the log's position each time. */
  readonly materialised: readonly number[]
  pull(references: PullRequest['references'], changes?: Partial<Omit<PullRequest, 'references'>>): Promise<PullReport>
  close(): Promise<void>
}

export interface TestPullOptions {
  readonly retry?: Partial<RetryPolicy>
  readonly mirrors?: readonly string[]
  readonly jobs?: number
  readonly transport?: Partial<TransportOptions>
  readonly credentials?: Credentials
  readonly disk?: DiskSpace
}

export function aPull(root: string, testOptions: TestPullOptions = {}): TestPull {
  const { retry, mirrors = [], jobs = 8, disk, credentials = new MemoryCredentials() } = testOptions
  const transport = aTransport({ headersTimeoutMs: 500, bodyTimeoutMs: 500, ...testOptions.transport })
  const registry = new HttpRegistry({
    transport: openTransport(transport),
    credentials,
    mirrors: parseMirrors(mirrors, transport),
  })
  const pool = new InlinePool({ transport, checkpointEveryBytes: DEFAULTS.checkpointEveryBytes })
  const log = new MemoryEventLog()
  const blobs = new FsBlobStore(root)
  const leases = new FsLeases(root)
  const materialised: number[] = []
  const progress: ProgressEvent[] = []
  const recorder = new Recorder({
    log,
    blobs,
    materialise: async ({ head }) => materialised.push(head.position),
    durability: 'full',
    boot: 'boot',
    now: () => performance.now(),
  })
  const options = {
    jobs,
    durability: 'full',
    retry: { ...DEFAULTS.retry, minDelayMs: 1, maxDelayMs: 5, ...retry },
  } as const
  const claims = new FsClaims(root)
  return {
    log,
    blobs,
    progress,
    materialised,
    pull: (references, changes = {}) =>
      pull(
        {
          references,
          wanted: [parsePlatform('linux/amd64')],
          strict: false,
          policy: 'missing',
          ...changes,
          onProgress: (event) => {
            progress.push(event)
            changes.onProgress?.(event)
          },
        },
        { registry, pool, blobs, claims, leases, log, recorder, options, boot: 'boot', ...(disk && { disk }) },
      ),
    close: async () => {
      await pool.close()
      await registry.close()
      await leases.release()
    },
  }
}
