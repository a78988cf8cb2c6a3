import type { BlobStore } from '../blobs/blob-store.js'
import type { Permissions } from '../blobs/permissions.js'
import type { EventLog } from '../log/event-log.js'
import type { IndexFile } from '../materialise/index-file.js'
import type { LayoutMarker } from '../materialise/layout-marker.js'
import type { Digest } from '../oci/digest.js'
import type { Pool } from '../pool/pool.js'
import { contentReader } from './closure.js'
import { inLanes, throwIfAborted } from './lanes.js'
import type { VerifyProblem, VerifyProgress } from './reports.js'
import { confirmProblems } from './verify-again.js'
import { type HashedBlobs, hashBlob, hashBlobs } from './verify-blobs.js'
import { checkImage, type ImageCheck, type RecordedImage } from './verify-closure.js'
import { checkFormat, checkMarker, checkPermissions } from './verify-files.js'
import { checkIndex, type FoundIndex, readIndex } from './verify-index.js'
import { checkLog, type LogFindings } from './verify-log.js'

export interface SurveyDeps {
  /** Absent for a cache that no hearth has written to: then index.json says what there is. */
  readonly log?: EventLog
  readonly blobs: BlobStore
  readonly indexFile: IndexFile
  /** Absent where there are no files that could have wrong ones. */
  readonly permissions?: Permissions
  readonly marker?: LayoutMarker
  /** What format.json says; absent for a cache without it, that no hearth has written to. */
  readonly readFormat?: () => Promise<unknown>
  readonly pool: Pool
  /** Blobs hashed at once. */
  readonly jobs: number
}

export interface SurveyOptions {
  /** Believes files under blobs/ whose size is the recorded one, without reading them. */
  readonly quick?: boolean
  readonly onProgress?: (event: VerifyProgress) => void
  readonly signal?: AbortSignal
}

/** A cache as it was found: what each part says, and what is wrong with it. */
export interface Survey {
  readonly index: FoundIndex
  readonly findings: LogFindings
  readonly images: ReadonlyMap<string, RecordedImage>
  readonly hashed: HashedBlobs
  readonly checks: ReadonlyMap<string, ImageCheck>
  /** Sorted: a report reads the same each time. */
  readonly problems: readonly VerifyProblem[]
}

const NO_LOG: LogFindings = { events: 0, states: new Map(), problems: [] }

/**
 * Looks at everything: hashes every blob, and compares the log, index.json and each reference's closure with one another.
 * Changes nothing and keeps nobody waiting: what pulls and removals change meanwhile is looked at again before it is called
 * a problem.
 * @param known blobs that were hashed just now, and are not hashed again.
 * @throws HearthError ABORTED; LOG_BUSY when another process holds the log too long.
 */
export async function surveyCache(deps: SurveyDeps, options: SurveyOptions, known?: HashedBlobs): Promise<Survey> {
  const { log, indexFile } = deps
  const withSignal = { ...(options.signal && { signal: options.signal }) }
  throwIfAborted(options.signal)
  // Read before the log: what it accounts for must be in there then.
  const index = await readIndex(indexFile)
  const at = [index.head, index.written].flatMap((head) => (head ? [head.position] : []))
  const findings = log === undefined ? NO_LOG : await checkLog(log, { at, ...withSignal })
  const images: ReadonlyMap<string, RecordedImage> = findings.state?.references ?? index.images
  const recorded = findings.state?.blobs ?? new Map()
  const hashing = { ...deps, ...options, recorded }
  const hashed = known ?? (await hashBlobs({ ...hashing, lanes: deps.jobs }))
  const checks = await checkImages(images, hashed, { deps, signal: options.signal })
  const found = [
    ...findings.problems,
    ...checkIndex(index, log === undefined ? undefined : findings),
    ...(deps.marker ? await checkMarker(deps.marker) : []),
    ...(deps.readFormat ? await checkFormat(deps.readFormat) : []),
    ...(deps.permissions ? await checkPermissions(deps.permissions) : []),
    ...hashed.problems,
    ...gapsIn(checks),
  ]
  // A log that cannot be read now could not be read again.
  const readable = log && findings.state && { log }
  const hash = (digest: Digest) => hashBlob(digest, hashing)
  const again = { ...readable, blobs: deps.blobs, hash, images, ...withSignal }
  const problems = (await confirmProblems(found, again)).sort(byKind)
  return { index, findings, images, hashed, checks, problems }
}

async function checkImages(
  images: ReadonlyMap<string, RecordedImage>,
  { sound }: HashedBlobs,
  { deps, signal }: { readonly deps: SurveyDeps; readonly signal: AbortSignal | undefined },
): Promise<ReadonlyMap<string, ImageCheck>> {
  const checks = new Map<string, ImageCheck>()
  const options = { read: contentReader(deps.blobs), sound, ...(signal && { signal }) }
  const check = async ([reference, image]: readonly [string, RecordedImage]): Promise<void> => {
    checks.set(reference, await checkImage(image, options))
  }
  await inLanes(images, check, { lanes: deps.jobs, ...(signal && { signal }) })
  return checks
}

function gapsIn(checks: ReadonlyMap<string, ImageCheck>): VerifyProblem[] {
  return [...checks].flatMap(([subject, { failure }]) => (failure ? [{ kind: 'reference', subject, failure }] : []))
}

/** The lanes end in any order. */
function byKind(a: VerifyProblem, b: VerifyProblem): number {
  const order: readonly VerifyProblem['kind'][] = ['log', 'index', 'blob', 'reference', 'permission', 'stray']
  return order.indexOf(a.kind) - order.indexOf(b.kind) || (a.subject < b.subject ? -1 : 1)
}
