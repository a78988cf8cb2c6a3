/**
 * The parts of a cache that reach out: registries on the calling thread, downloads on others. Each brings
 * its libraries only when it is first needed.
 */
import type { Host } from '../host/os-host.js'
import type { ResolvedOptions } from '../options.js'
import type { Pool } from '../pool/pool.js'
import type { Registry } from '../registry/registry.js'
import type { TransportOptions } from '../transport.js'

/** What both are made of. */
export interface WireParts {
  readonly options: ResolvedOptions
  readonly host: Host
  readonly transport: TransportOptions
}

/** @throws HearthError OPTION_INVALID for certificates that cannot be used, and mirrors that are none. */
export async function openRegistry({ options, host, transport }: WireParts): Promise<Registry> {
  const { HttpRegistry } = await import('../registry/http-registry.js')
  const { openTransport } = await import('../registry/http-dispatcher.js')
  const { FsCredentials } = await import('../registry/fs-credentials.js')
  const { parseMirrors } = await import('../registry/mirrors.js')
  const { env, authFile, mirrors } = options
  return new HttpRegistry({
    transport: openTransport(transport),
    credentials: new FsCredentials({ env, home: host.home, ...(authFile !== undefined && { authFile }) }),
    mirrors: parseMirrors(mirrors, options),
  })
}

/** Starts no thread yet. */
export async function openPool({ options, host, transport }: WireParts): Promise<Pool> {
  const { PiscinaPool } = await import('../pool/piscina-pool.js')
  const { InlinePool } = await import('../pool/inline-pool.js')
  const { SplitPool } = await import('../pool/split-pool.js')
  const { checkpointEveryBytes, jobs } = options
  const threads = Math.min(jobs, host.parallelism)
  const settings = { transport, checkpointEveryBytes }
  const load = { running: new SharedArrayBuffer(4), processors: host.parallelism }
  // Each thread may take all jobs: lanes of several hosts together are wider than one.
  const far = new PiscinaPool({ threads, tasksPerThread: jobs, settings: { ...settings, load } })
  return new SplitPool({ near: new InlinePool(settings), far })
}
