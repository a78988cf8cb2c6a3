import type { BlobStore } from '../blobs/blob-store.js'
import type { EventLog } from '../log/event-log.js'
import type { IndexFile } from '../materialise/index-file.js'
import type { Pool } from '../pool/pool.js'
import { contentReader } from './closure.js'
import { inLanes, throwIfAborted } from './lanes.js'
import type { VerifyProblem, VerifyProgress, VerifyReport } from './reports.js'
import { confirmProblems } from './verify-again.js'
import { type HashedBlobs, hashBlobs } from './verify-blobs.js'
import { findGap, type RecordedImage } from './verify-closure.js'
import { checkIndex, readIndex } from './verify-index.js'
import { checkLog, type LogFindings } from './verify-log.js'

export interface VerifyDeps {
  /** Absent for a cache that no hearth has written to: then index.json says what there is. */
  readonly log?: EventLog
  readonly blobs: BlobStore
  readonly indexFile: IndexFile
  readonly pool: Pool
  /** Blobs hashed at once. */
  readonly jobs: number
}

export interface VerifyCacheOptions {
  readonly onProgress?: (event: VerifyProgress) => void
  readonly signal?: AbortSignal
}

const NO_LOG: LogFindings = { events: 0, problems: [] }

/**
 * Re-hashes every blob, and checks the log, index.json and each reference's closure against one another. Changes nothing
 * and keeps nobody waiting: what pulls and removals change meanwhile is looked at again before it is called a problem.
 * @throws HearthError ABORTED; LOG_BUSY when another process holds the log too long.
 */
export async function verifyCache(deps: VerifyDeps, options: VerifyCacheOptions = {}): Promise<VerifyReport> {
  const { log, indexFile } = deps
  const withSignal = { ...(options.signal && { signal: options.signal }) }
  throwIfAborted(options.signal)
  // Read before the log: what it accounts for must be in there then.
  const index = readIndex(await indexFile.read())
  const at = { ...(index.head && { at: index.head.position }) }
  const findings = log === undefined ? NO_LOG : await checkLog(log, { ...at, ...withSignal })
  const images: ReadonlyMap<string, RecordedImage> = findings.state?.references ?? index.images
  const recorded = findings.state?.blobs ?? new Map()
  const hashed = await hashBlobs({ ...deps, ...options, recorded, lanes: deps.jobs })
  const found = [
    ...findings.problems,
    ...checkIndex(index, log === undefined ? undefined : findings),
    ...hashed.problems,
    ...(await checkImages(images, hashed, { deps, signal: options.signal })),
  ]
  // A log that cannot be read now could not be read again.
  const again = { ...(log && findings.state && { log }), blobs: deps.blobs, images, ...withSignal }
  const { blobs, bytes } = hashed
  const problems = (await confirmProblems(found, again)).sort(byKind)
  return { blobs, bytes, references: images.size, events: findings.events, problems }
}

async function checkImages(
  images: ReadonlyMap<string, RecordedImage>,
  { sound }: HashedBlobs,
  { deps, signal }: { readonly deps: VerifyDeps; readonly signal: AbortSignal | undefined },
): Promise<VerifyProblem[]> {
  const problems: VerifyProblem[] = []
  const options = { read: contentReader(deps.blobs), sound, ...(signal && { signal }) }
  const check = async ([reference, image]: readonly [string, RecordedImage]): Promise<void> => {
    const failure = await findGap(image, options)
    if (failure !== undefined) problems.push({ kind: 'reference', subject: reference, failure })
  }
  await inLanes(images, check, { lanes: deps.jobs, ...(signal && { signal }) })
  return problems
}

/** The lanes end in any order; a report reads the same each time. */
function byKind(a: VerifyProblem, b: VerifyProblem): number {
  const order: readonly VerifyProblem['kind'][] = ['log', 'index', 'blob', 'reference', 'stray']
  return order.indexOf(a.kind) - order.indexOf(b.kind) || (a.subject < b.subject ? -1 : 1)
}
