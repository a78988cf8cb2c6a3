import type { BlobStore, Leases } from '../blobs/blob-store.js'
import type { HeldLog } from '../log/event-log.js'
import type { HearthEvent } from '../log/events.js'
import type { Digest } from '../oci/digest.js'
import { closureOf, contentReader } from './closure.js'

export interface FinishDeps {
  readonly blobs: BlobStore
  readonly leases: Leases
  /** Adopts what other tools did to index.json, then brings the file up to the held log. */
  readonly materialise: (held: HeldLog) => Promise<unknown>
}

/** What is gone now, with its size in bytes. */
export type RemovedBlobs = ReadonlyMap<Digest, number>

/**
 * Carries out recorded removal plans: one that was just made, or one that a crash left. Idempotent, and safe to be killed
 * at any point. Each blob is looked at again, as the plan may be old: one that a pull has leased, that was committed
 * again, or that a newly adopted reference needs is kept. A plan with a leased blob stays open, because nobody else would
 * know of that blob if its pull failed. Protocol: RELIABILITY section 2.6.
 * @param only positions of the plans to carry out; all without it.
 */
export async function finishRemovals(held: HeldLog, deps: FinishDeps, only?: readonly number[]): Promise<RemovedBlobs> {
  const plans = [...(await held.unfinishedRemovals())].filter(([plan]) => only === undefined || only.includes(plan))
  const removed = new Map<Digest, number>()
  if (plans.length === 0) return removed
  // A crash may have come between the plan and index.json: no blob goes while a name in that file still needs it. This
  // also adopts what another tool wrote since, so that it is counted below.
  await deps.materialise(held)
  const adopted = await neededByAdopted(held, deps, Math.min(...plans.map(([plan]) => plan)))
  if (adopted === undefined) return removed
  const leased = await deps.leases.leased()
  const finished: HearthEvent[] = []
  for (const [plan, digests] of plans) {
    const committed = await held.blobs(digests)
    const gone = digests.filter((digest) => !committed.has(digest))
    const free = gone.filter((digest) => !leased.has(digest) && !adopted.has(digest))
    for (const [digest, size] of await sizesOf(free, deps.blobs)) removed.set(digest, size)
    await deps.blobs.remove(free)
    if (!gone.some((digest) => leased.has(digest))) finished.push({ type: 'RemovalFinished', plan })
  }
  if (finished.length === 0) return removed
  await held.append(finished)
  // index.json names the record it accounts for: after a removal, as after a pull, that is the last one.
  await deps.materialise(held)
  return removed
}

/**
 * References adopted after the plan may rest on blobs of which the log knows nothing any more; all others were either
 * counted by the plan or have committed their blobs since. Undefined when one of them cannot be read.
 */
async function neededByAdopted(
  held: HeldLog,
  { blobs }: FinishDeps,
  plan: number,
): Promise<ReadonlySet<Digest> | undefined> {
  const needed = new Set<Digest>()
  const read = contentReader(blobs)
  for (const { origin, position, descriptor } of (await held.references()).values()) {
    if (origin !== 'adopted' || position <= plan) continue
    const closure = await closureOf(descriptor, read)
    if (closure.damage !== undefined) return undefined
    for (const digest of closure.digests) needed.add(digest)
  }
  return needed
}

/** Of those that are there. */
async function sizesOf(digests: readonly Digest[], blobs: BlobStore): Promise<(readonly [Digest, number])[]> {
  const stats = await Promise.all(digests.map(async (digest) => [digest, await blobs.stat(digest)] as const))
  return stats.flatMap(([digest, stat]) => (stat === undefined ? [] : [[digest, stat.size] as const]))
}
