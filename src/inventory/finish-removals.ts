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

export interface FinishedRemovals {
  readonly removedBlobs: number
  readonly freedBytes: number
}

/**
 * Carries out recorded removal plans: one that was just made, or one that a crash left. Idempotent, and safe to be killed
 * at any point. Each blob is looked at again, as the plan may be old: one that a pull has leased, that was committed
 * again, or that a newly adopted reference needs is kept. A plan with a leased blob stays open, because nobody else would
 * know of that blob if its pull failed. Protocol: RELIABILITY section 2.6.
 * @param only positions of the plans to carry out; all without it.
 */
export async function finishRemovals(
  held: HeldLog,
  deps: FinishDeps,
  only?: readonly number[],
): Promise<FinishedRemovals> {
  const plans = [...(await held.unfinishedRemovals())].filter(([plan]) => only === undefined || only.includes(plan))
  if (plans.length === 0) return { removedBlobs: 0, freedBytes: 0 }
  // A crash may have come between the plan and index.json: no blob goes while a name in that file still needs it. This
  // also adopts what another tool wrote since, so that it is counted below.
  await deps.materialise(held)
  const adopted = await neededByAdopted(held, deps, Math.min(...plans.map(([plan]) => plan)))
  if (adopted === undefined) return { removedBlobs: 0, freedBytes: 0 }
  const leased = await deps.leases.leased()
  const finished: HearthEvent[] = []
  const sum = { removedBlobs: 0, freedBytes: 0 }
  for (const [plan, digests] of plans) {
    const committed = await held.blobs(digests)
    const gone = digests.filter((digest) => !committed.has(digest))
    for (const size of await sizesOf(
      gone.filter((digest) => !leased.has(digest) && !adopted.has(digest)),
      deps.blobs,
    )) {
      sum.removedBlobs += 1
      sum.freedBytes += size
    }
    await deps.blobs.remove(gone.filter((digest) => !leased.has(digest) && !adopted.has(digest)))
    if (!gone.some((digest) => leased.has(digest))) finished.push({ type: 'RemovalFinished', plan })
  }
  if (finished.length === 0) return sum
  await held.append(finished)
  // index.json names the record it accounts for: after a removal, as after a pull, that is the last one.
  await deps.materialise(held)
  return sum
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

async function sizesOf(digests: readonly Digest[], blobs: BlobStore): Promise<number[]> {
  const stats = await Promise.all(digests.map((digest) => blobs.stat(digest)))
  return stats.flatMap((stat) => (stat === undefined ? [] : [stat.size]))
}
