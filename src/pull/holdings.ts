import type { BlobStat, BlobStore, Leases } from '../blobs/blob-store.js'
import { isHearthError } from '../errors.js'
import type { BlobRecord, EventLog } from '../log/event-log.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'
import type { Pool } from '../pool/pool.js'
import { collect, type Jobs } from './abortable.js'
import type { Recorder } from './recorder.js'
import type { SingleFlight } from './single-flight.js'

export interface HoldingsDeps {
  readonly log: EventLog
  readonly blobs: BlobStore
  readonly leases: Leases
  readonly pool: Pool
  readonly recorder: Recorder
  readonly boot: string
  readonly jobs: Jobs
  /** Images that share a blob wait for one look at it. */
  readonly verifying: SingleFlight<Digest | undefined>
}

/**
 * Those of the blobs that are here and sound, so that nothing of them is fetched. Leases all of them first: from then on
 * nobody removes them under a running pull.
 *
 * A blob counts as present if the log says so and its file still has the size and time recorded at commit. Anything else
 * that has the right size (another tool's blob, one that was touched, one that may not have reached the disk before a
 * reboot) is hashed once, and recorded if it is right.
 */
export async function presentBlobs(
  wanted: readonly Descriptor[],
  deps: HoldingsDeps,
  signal?: AbortSignal,
): Promise<ReadonlySet<Digest>> {
  if (wanted.length === 0) return new Set()
  const digests = new Set(wanted.map(({ digest }) => digest))
  await deps.leases.lease(digests)
  const records = await deps.log.hold((log) => log.blobs(digests), { ...(signal && { signal }) })
  const present = new Set<Digest>()
  const doubtful: Descriptor[] = []
  for (const descriptor of wanted) {
    const stat = await deps.blobs.stat(descriptor.digest)
    if (stat === undefined || stat.size !== descriptor.size) continue
    if (isSound(records.get(descriptor.digest), stat, deps.boot)) present.add(descriptor.digest)
    else doubtful.push(descriptor)
  }
  const verified = doubtful.map((descriptor) => {
    const job = () => deps.jobs.run((own) => verify(descriptor, deps, own))
    return collect(deps.verifying.run(descriptor.digest, job), signal)
  })
  for (const digest of (await Promise.all(verified)).flat()) if (digest !== undefined) present.add(digest)
  return present
}

/** Pure. Whether what the log recorded still describes the file, and survived any reboot since. */
export function isSound(record: BlobRecord | undefined, stat: BlobStat, boot: string): boolean {
  if (record === undefined || record.size !== stat.size || record.mtimeMs !== stat.mtimeMs) return false
  return record.durable || record.boot === boot
}

async function verify(
  { digest, size, mediaType }: Descriptor,
  { blobs, boot, pool, recorder }: HoldingsDeps,
  signal: AbortSignal,
): Promise<Digest | undefined> {
  const before = await blobs.stat(digest)
  try {
    await pool.verifyBlob({ kind: 'verify-blob', path: blobs.pathOf(digest), digest, size }, { signal })
  } catch (error) {
    // Damaged, or gone meanwhile: it is fetched again, and the commit replaces what stands there.
    if (isHearthError(error, 'DIGEST_MISMATCH') || isHearthError(error, 'SIZE_MISMATCH')) return undefined
    if (isHearthError(error, 'BLOB_UNKNOWN')) return undefined
    throw error
  }
  const stat = await blobs.stat(digest)
  // Replaced while it was hashed: what was read is not what stands there.
  if (stat === undefined || stat.mtimeMs !== before?.mtimeMs) return undefined
  await recorder.record(async (log) => {
    // Whoever committed it just now knows more: that it is on the disk.
    if (isSound((await log.blobs([digest])).get(digest), stat, boot)) return []
    return [{ type: 'BlobCommitted', digest, size, mtimeMs: stat.mtimeMs, mediaType, durable: false, boot }]
  })
  return digest
}
