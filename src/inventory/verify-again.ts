import type { BlobStore } from '../blobs/blob-store.js'
import type { EventLog } from '../log/event-log.js'
import { type Digest, isDigest } from '../oci/digest.js'
import type { VerifyProblem } from './reports.js'
import type { RecordedImage } from './verify-closure.js'

export interface AgainDeps {
  /** Absent when there is none, or none that can be read. */
  readonly log?: EventLog
  readonly blobs: BlobStore
  /** What is wrong with a blob that is here. */
  readonly hash: (digest: Digest) => Promise<VerifyProblem | undefined>
  /** The references as they were when the check began. */
  readonly images: ReadonlyMap<string, RecordedImage>
  readonly signal?: AbortSignal
}

/** What the log says now of the subjects of problems. */
interface Now {
  readonly blobs: ReadonlySet<Digest>
  readonly positions: ReadonlyMap<string, number>
}

/** A blob that is missing again each time is not one that others take and bring back. */
const TRIES = 5

/**
 * Those of the problems that are still there. Hashing takes its time, and meanwhile a removal may have taken a blob, or a
 * pull may have set a name anew, or brought the blob back: what was done on purpose is no finding.
 */
export async function confirmProblems(problems: readonly VerifyProblem[], deps: AgainDeps): Promise<VerifyProblem[]> {
  let still = await stillThere(problems, deps)
  for (let attempt = 1; attempt < TRIES; attempt++) {
    const before = still
    still = await stillThere(await hashAgain(before, deps), deps)
    if (still.length === before.length) break
  }
  return still
}

/** The log is read after the blobs: one that it counts as present then, and that was not there before, may be back. */
async function stillThere(problems: readonly VerifyProblem[], deps: AgainDeps): Promise<VerifyProblem[]> {
  if (problems.length === 0) return []
  const now = await readAgain(problems, deps)
  const still: VerifyProblem[] = []
  for (const problem of problems) {
    const { kind, subject } = problem
    if (kind === 'reference' && now && now.positions.get(subject) !== deps.images.get(subject)?.position) continue
    if (kind === 'blob' && isDigest(subject) && !now?.blobs.has(subject)) {
      if ((await deps.blobs.stat(subject)) === undefined) continue
    }
    still.push(problem)
  }
  return still
}

/** Those that were missing and are here now. A damaged one is known to be that, and may be large. */
async function hashAgain(problems: readonly VerifyProblem[], { blobs, hash }: AgainDeps): Promise<VerifyProblem[]> {
  const found: VerifyProblem[] = []
  for (const problem of problems) {
    const { subject, failure } = problem
    const isBack = failure.code === 'BLOB_UNKNOWN' && isDigest(subject) && (await blobs.stat(subject)) !== undefined
    const again = isBack ? await hash(subject) : problem
    if (again !== undefined) found.push(again)
  }
  return found
}

async function readAgain(problems: readonly VerifyProblem[], { log, signal }: AgainDeps): Promise<Now | undefined> {
  const digests = problems.flatMap(({ subject }) => (isDigest(subject) ? [subject] : []))
  return await log?.hold(
    async (held) => {
      const references = await held.references()
      const positions = new Map([...references].map(([name, { position }]) => [name, position]))
      return { blobs: new Set((await held.blobs(digests)).keys()), positions }
    },
    { ...(signal && { signal }) },
  )
}
