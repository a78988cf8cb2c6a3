import type { WarmOptions } from '../call-options.js'
import type { PullPolicy } from '../options.js'
import type { PullDeps, PullTarget } from '../pull/pull.js'
import type { PullReport } from '../pull/report.js'
import type { CacheParts } from './cache-parts.js'

/** Ensures that images are in the cache. */
export async function pullInto(
  parts: CacheParts,
  references: readonly (string | PullTarget)[],
  options: WarmOptions,
): Promise<PullReport> {
  const { parseWanted } = await import('../pull/platforms.js')
  const { pull } = await import('../pull/pull.js')
  const { platforms = [], pull: policy = 'missing', failFast = false, referrers = false, signal } = options
  const { onProgress = () => {} } = options
  const wanted = parseWanted(platforms, parts.host)
  const strict = platforms.length > 0
  const request = { references, wanted, strict, policy, failFast, referrers, onProgress, ...(signal && { signal }) }
  // What is wrong, whoever needs it is told.
  loadClientEarly(parts, policy).catch(() => undefined)
  return await withPull(parts, async (deps) => {
    const report = await pull(request, deps)
    // Before the leases end: a collector that comes now sees the one or the other.
    const uses = await parts.uses()
    await uses.touch(report.results.flatMap((result) => (result.ok ? [result.reference] : [])))
    return report
  })
}

/** Where it is sure to be needed, the registry's client is loaded while the disk is waited for: 40 ms of a first pull. */
async function loadClientEarly(parts: CacheParts, policy: PullPolicy): Promise<void> {
  if (policy !== 'missing' || !(await parts.wasInitialised())) await parts.registry()
}

/** Puts the coordinator together for one run, and ends its leases with it. */
export async function withPull<T>(parts: CacheParts, run: (deps: PullDeps) => Promise<T>): Promise<T> {
  const { Recorder } = await import('../pull/recorder.js')
  const { FsDiskSpace } = await import('../blobs/fs-disk-space.js')
  const { FsClaims } = await import('../blobs/fs-claim.js')
  const { FsLeases } = await import('../blobs/fs-lease.js')
  const { path, blobs, materialise, options } = parts
  const log = await parts.log()
  const [pool, registry, boot] = await Promise.all([parts.pool(), parts.registryReader(), parts.boot()])
  const [claims, disk, leases] = [new FsClaims(path, options), new FsDiskSpace(path), new FsLeases(path)]
  const recording = { log, blobs, boot, materialise }
  const flusher = await parts.flusher()
  const onDoubtful = (bytes: number) => flusher.committed(bytes)
  const { durability } = options
  const recorder = new Recorder({ ...recording, durability, onDoubtful, now: () => performance.now() })
  try {
    return await run({ ...recording, pool, registry, leases, recorder, claims, disk, options })
  } finally {
    await leases.release()
  }
}
