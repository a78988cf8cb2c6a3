import type { BlobStat, BlobStore, Claims } from '../blobs/blob-store.js'
import { type Failure, isHearthError } from '../errors.js'
import type { EventLog } from '../log/event-log.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'
import type { Pool } from '../pool/pool.js'
import { contentReader, isLeaf } from './closure.js'
import { inLanes } from './lanes.js'
import { checkImage, type RecordedImage } from './verify-closure.js'

/** A blob that some of the images need. */
export interface Missing {
  readonly descriptor: Descriptor
  readonly isManifest: boolean
  /** Names, as the log has them. */
  readonly references: readonly string[]
}

export interface BlobRepairDeps {
  /** For writing. */
  readonly log: EventLog
  readonly blobs: BlobStore
  readonly claims: Claims
  readonly pool: Pool
  readonly jobs: number
  /** Fetches blobs from where their images came. @returns why, for those that could not be had. */
  readonly refetch: (missing: readonly Missing[]) => Promise<ReadonlyMap<Digest, Failure>>
}

export interface BlobsToRepair {
  /** Damaged or missing, as far as is known by now. */
  readonly bad: readonly Digest[]
  readonly images: ReadonlyMap<string, RecordedImage>
  readonly sound: ReadonlyMap<Digest, BlobStat>
  readonly signal?: AbortSignal
}

export interface RepairedBlobs {
  /** All that is sound now. */
  readonly sound: ReadonlyMap<Digest, BlobStat>
  readonly fetched: ReadonlySet<Digest>
  /** Why others could not be fetched. */
  readonly failures: ReadonlyMap<Digest, Failure>
}

/**
 * Takes damaged blobs away, then fetches what the images lack. A manifest that comes back may show that more is missing below it:
 * then once more. May be killed at any point and run again.
 */
export async function repairBlobs(work: BlobsToRepair, deps: BlobRepairDeps): Promise<RepairedBlobs> {
  let sound = new Map(work.sound)
  const { signal } = work
  const takeAway = async (digest: Digest): Promise<void> => {
    const stat = await withdraw(digest, deps, signal)
    if (stat !== undefined) sound.set(digest, stat)
  }
  await inLanes(work.bad, takeAway, { lanes: deps.jobs, ...(signal && { signal }) })
  const fetched = new Set<Digest>()
  const failures = new Map<Digest, Failure>()
  for (;;) {
    sound = await stillStored(sound, deps.blobs)
    for (const digest of fetched) if (!sound.has(digest)) failures.set(digest, goneAgain(digest))
    const missing = (await findMissing(work, sound, deps)).filter(({ descriptor }) => !failures.has(descriptor.digest))
    if (missing.length === 0) return { sound, fetched, failures }
    for (const [digest, failure] of await deps.refetch(missing)) failures.set(digest, failure)
    for (const { descriptor } of missing) await settle(descriptor)
  }
  async function settle({ digest, size }: Descriptor): Promise<void> {
    if (failures.has(digest)) return
    const stat = await deps.blobs.stat(digest)
    if (stat?.size === size) {
      sound.set(digest, stat)
      fetched.add(digest)
    } else {
      failures.set(digest, goneAgain(digest))
    }
  }
}

/** Those of the blobs that are still there: what was hashed or fetched a while ago may have been removed since. */
export async function stillStored(
  sound: ReadonlyMap<Digest, BlobStat>,
  blobs: Pick<BlobStore, 'stat'>,
): Promise<Map<Digest, BlobStat>> {
  const stored = new Map<Digest, BlobStat>()
  for (const [digest, { size }] of sound) {
    const stat = await blobs.stat(digest)
    if (stat?.size === size) stored.set(digest, stat)
  }
  return stored
}

/** Removed again already, by someone who has the right to. */
function goneAgain(digest: Digest): Failure {
  return { code: 'BLOB_UNKNOWN', message: `${digest} is gone again`, details: { digest } }
}

/**
 * Moves a damaged blob to the quarantine, and tells the log. Under the blob's claim, so that no download is putting a sound one
 * in its place at this moment; what comes without a claim is noticed. @returns the blob when it turns out to be sound.
 */
async function withdraw(
  digest: Digest,
  { log, blobs, claims, pool }: BlobRepairDeps,
  signal: AbortSignal | undefined,
): Promise<BlobStat | undefined> {
  const options = { ...(signal && { signal }) }
  const claim = await claims.claim(digest, options)
  try {
    for (;;) {
      const stat = await blobs.stat(digest)
      if (stat !== undefined && (await isSound(digest, { blobs, pool }, signal))) return stat
      const isGone = await log.hold(async (held) => {
        // Imports and manifests take no claim: what came since is hashed first. Its record waits for the log.
        if (!isSame(await blobs.stat(digest), stat)) return false
        await blobs.quarantine(digest)
        if ((await held.blobs([digest])).has(digest)) await held.append([{ type: 'BlobRemoved', digest }])
        return true
      }, options)
      if (isGone) return undefined
    }
  } finally {
    await claim.release()
  }
}

function isSame(a: BlobStat | undefined, b: BlobStat | undefined): boolean {
  return a?.size === b?.size && a?.mtimeMs === b?.mtimeMs
}

async function isSound(
  digest: Digest,
  { blobs, pool }: Pick<BlobRepairDeps, 'blobs' | 'pool'>,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    await pool.verifyBlob({ kind: 'verify-blob', path: blobs.pathOf(digest), digest }, { ...(signal && { signal }) })
    return true
  } catch (error) {
    if (!isHearthError(error) || error.code === 'ABORTED' || error.code === 'INTERNAL') throw error
    return false
  }
}

async function findMissing(
  { images, signal }: BlobsToRepair,
  sound: ReadonlyMap<Digest, BlobStat>,
  { blobs, jobs }: BlobRepairDeps,
): Promise<readonly Missing[]> {
  const missing = new Map<Digest, Missing>()
  const options = { read: contentReader(blobs), sound, ...(signal && { signal }) }
  const look = async ([name, image]: readonly [string, RecordedImage]): Promise<void> => {
    for (const gap of (await checkImage(image, options)).gaps) {
      const { descriptor } = gap
      // It is there, but no reader makes sense of it: another copy of the same bytes would not help.
      if (sound.get(descriptor.digest)?.size === descriptor.size) continue
      const { references } = missing.get(descriptor.digest) ?? { references: [] }
      missing.set(descriptor.digest, { descriptor, isManifest: !isLeaf(gap), references: [...references, name] })
    }
  }
  await inLanes(images, look, { lanes: jobs, ...(signal && { signal }) })
  // The lanes end in any order.
  return [...missing.values()].map((blob) => ({ ...blob, references: blob.references.toSorted() }))
}
