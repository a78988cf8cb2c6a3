import type { BlobEntry, BlobStat, BlobStore } from '../blobs/blob-store.js'
import { isHearthError, toFailure } from '../errors.js'
import type { BlobRecord } from '../log/event-log.js'
import type { Digest } from '../oci/digest.js'
import type { Pool } from '../pool/pool.js'
import { inLanes } from './lanes.js'
import type { VerifyProblem, VerifyProgress } from './reports.js'

export interface HashOptions {
  readonly blobs: BlobStore
  readonly pool: Pool
  /** What the log counts as present. */
  readonly recorded: ReadonlyMap<Digest, BlobRecord>
  readonly lanes: number
  /** Believes files whose size is the recorded one, without reading them. */
  readonly quick?: boolean
  readonly onProgress?: (event: VerifyProgress) => void
  readonly signal?: AbortSignal
}

export interface HashedBlobs {
  /** Blobs that were hashed, and their bytes. */
  readonly blobs: number
  readonly bytes: number
  /** Those that are what they claim to be, as the file system described them before and after. */
  readonly sound: ReadonlyMap<Digest, BlobStat>
  readonly problems: readonly VerifyProblem[]
}

type StoredBlob = BlobEntry & { readonly digest: Digest }

/**
 * Hashes everything under blobs/, whether the log knows it or not, and names what is damaged, missing or no blob at all.
 * @throws HearthError ABORTED; INTERNAL when a thread died.
 */
export async function hashBlobs(options: HashOptions): Promise<HashedBlobs> {
  const { stored, strays } = await listBlobs(options.blobs)
  const problems: VerifyProblem[] = strays.map(({ path }) => strayProblem(path))
  const present = new Set(stored.map(({ digest }) => digest))
  for (const digest of options.recorded.keys()) if (!present.has(digest)) problems.push(missingProblem(digest))
  const sound = new Map<Digest, BlobStat>()
  const progress = progressOf(stored, options.onProgress)
  const hash = async (blob: StoredBlob): Promise<void> => {
    const stat = await options.blobs.stat(blob.digest)
    const failed = await verifyOne(blob, options, (bytes) => progress.moved(blob.digest, bytes))
    if (failed !== undefined) problems.push(failed)
    else if (stat !== undefined) sound.set(blob.digest, stat)
    progress.finished(blob)
  }
  // The largest first: else the last lane is left alone with a big one.
  stored.sort((a, b) => b.size - a.size)
  const { lanes, signal } = options
  await inLanes(stored, hash, { lanes, ...(signal && { signal }) })
  return { ...progress.total, sound, problems }
}

/** The same for one blob that came since. */
export async function hashBlob(
  digest: Digest,
  options: Omit<HashOptions, 'lanes' | 'onProgress'>,
): Promise<VerifyProblem | undefined> {
  const stat = await options.blobs.stat(digest)
  return stat === undefined ? missingProblem(digest) : await verifyOne({ digest, size: stat.size }, options)
}

async function listBlobs(blobs: BlobStore): Promise<{ stored: StoredBlob[]; strays: BlobEntry[] }> {
  const stored: StoredBlob[] = []
  const strays: BlobEntry[] = []
  for await (const entry of blobs.list()) {
    if (entry.digest === undefined) strays.push(entry)
    else stored.push({ ...entry, digest: entry.digest })
  }
  return { stored, strays }
}

async function verifyOne(
  { digest, size: actual }: Pick<StoredBlob, 'digest' | 'size'>,
  { blobs, pool, recorded, quick, signal }: Omit<HashOptions, 'lanes' | 'onProgress'>,
  onBytes?: (bytes: number) => void,
): Promise<VerifyProblem | undefined> {
  const size = recorded.get(digest)?.size
  if (quick) return size === undefined || size === actual ? undefined : sizeProblem(digest, size, actual)
  const task = { kind: 'verify-blob', path: blobs.pathOf(digest), digest, ...(size !== undefined && { size }) } as const
  try {
    await pool.verifyBlob(task, { ...(onBytes && { onBytes }), ...(signal && { signal }) })
    return undefined
  } catch (error) {
    // One unreadable file is a finding; a dead thread or the user's wish to stop is not.
    if (!isHearthError(error) || error.code === 'ABORTED' || error.code === 'INTERNAL') throw error
    return { kind: 'blob', subject: digest, failure: toFailure(error) }
  }
}

/** Adds up what the lanes report, each on its own. */
function progressOf(stored: readonly StoredBlob[], onProgress?: (event: VerifyProgress) => void) {
  const total = { blobs: 0, bytes: 0 }
  const underWay = new Map<Digest, number>()
  const totals = { totalBlobs: stored.length, totalBytes: stored.reduce((sum, { size }) => sum + size, 0) }
  const report = (): void => {
    const moving = [...underWay.values()].reduce((sum, bytes) => sum + bytes, 0)
    onProgress?.({ type: 'verify-progress', blobs: total.blobs, bytes: total.bytes + moving, ...totals })
  }
  return {
    total,
    moved(digest: Digest, bytes: number): void {
      underWay.set(digest, bytes)
      report()
    },
    finished({ digest, size }: StoredBlob): void {
      underWay.delete(digest)
      total.blobs += 1
      total.bytes += size
      report()
    },
  }
}

function sizeProblem(digest: Digest, expected: number, actual: number): VerifyProblem {
  const message = `${digest} has ${actual} bytes instead of ${expected}`
  return { kind: 'blob', subject: digest, failure: { code: 'SIZE_MISMATCH', message, details: { expected, actual } } }
}

function missingProblem(digest: Digest): VerifyProblem {
  const message = `${digest} is in the log, but not in blobs/`
  return { kind: 'blob', subject: digest, failure: { code: 'BLOB_UNKNOWN', message, details: { digest } } }
}

function strayProblem(path: string): VerifyProblem {
  const message = 'neither a blob nor a folder of blobs: its name is no digest, or it is a link, or no file'
  const failure = { code: 'LAYOUT_INVALID', message } as const
  return { kind: 'stray', subject: path, failure: { ...failure, details: { path } } }
}
