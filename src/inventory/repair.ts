import type { LooseEntry, Permissions } from '../blobs/permissions.js'
import { type Failure, isHearthError, toFailure } from '../errors.js'
import type { HeldLog } from '../log/event-log.js'
import { type Digest, isDigest } from '../oci/digest.js'
import { isLeaf } from './closure.js'
import { type BlobRepairDeps, repairBlobs, stillStored } from './repair-blobs.js'
import type { Repair, VerifyProblem } from './reports.js'
import { type Survey, type SurveyDeps, type SurveyOptions, surveyCache } from './survey.js'

export interface RepairDeps extends SurveyDeps, BlobRepairDeps {
  readonly log: BlobRepairDeps['log']
  /** Brings index.json up to the held log. */
  readonly materialise: (held: HeldLog) => Promise<unknown>
  /** Moves a stray out of blobs/. @throws HearthError STORE_BUSY when it is so young that somebody may still be at it. */
  readonly putAside: (path: string) => Promise<void>
}

/** What was found, and what became of it. */
export interface Repaired {
  /** The cache as it is now. */
  readonly survey: Survey
  readonly problems: readonly VerifyProblem[]
}

/** Why repairs failed, by subject. */
type Reasons = Map<string, Failure>

/**
 * Repairs what a survey found: sets rights, takes damaged blobs away and fetches them again, writes index.json anew, moves strays
 * away. Nothing is thrown away: it goes to .hearth/quarantine. Then looks again: what is not found any more is repaired. May be
 * killed at any point and run again.
 * @throws HearthError ABORTED, and what makes the cache unusable: LOG_…, NO_SPACE, STORE_READ_ONLY.
 */
export async function repairCache(survey: Survey, deps: RepairDeps, options: SurveyOptions): Promise<Repaired> {
  const { signal } = options
  const why: Reasons = new Map()
  // First, because they may be why something could not be read.
  if (deps.permissions) await tightenAll(deps.permissions, why)
  const { images, hashed, problems } = survey
  const bad = problems.flatMap(({ kind, subject }) => (kind === 'blob' && isDigest(subject) ? [subject] : []))
  const blobs = await repairBlobs({ bad, images, sound: hashed.sound, ...(signal && { signal }) }, deps)
  for (const [digest, failure] of blobs.failures) why.set(digest, failure)
  for (const path of await strays(deps)) await attempt(path, why, () => deps.putAside(path))
  await repairIndex(survey, deps)
  const after = await lookAgain(survey, blobs.sound, deps, options)
  return { survey: after, problems: outcome(problems, after, { why, fetched: blobs.fetched }) }
}

async function tightenAll(permissions: Permissions, why: Reasons): Promise<void> {
  const loose: LooseEntry[] = []
  for await (const entry of permissions.loose()) loose.push(entry)
  for (const entry of loose) await attempt(entry.path, why, () => permissions.tighten(entry))
}

/** One that fails is told of; the others go on. */
async function attempt(subject: string, why: Reasons, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!isHearthError(error) || error.code === 'ABORTED') throw error
    why.set(subject, toFailure(error))
  }
}

/** Always: blobs and references that were recorded meanwhile belong into it too. */
async function repairIndex({ problems }: Survey, deps: RepairDeps): Promise<void> {
  if (problems.some(({ subject }) => subject === 'oci-layout')) await deps.marker?.rewrite()
  await deps.log.hold(deps.materialise)
}

async function lookAgain(
  { hashed }: Survey,
  repaired: Survey['hashed']['sound'],
  deps: RepairDeps,
  { signal }: SurveyOptions,
): Promise<Survey> {
  const sound = await stillStored(repaired, deps.blobs)
  const problems = hashed.problems.filter(({ kind, subject }) => kind === 'blob' && !sound.has(subject as Digest))
  const left = new Set(await strays(deps))
  const still = hashed.problems.filter(({ kind, subject }) => kind === 'stray' && left.has(subject))
  const known = { ...hashed, sound, problems: [...problems, ...still] }
  return await surveyCache(deps, { ...(signal && { signal }) }, known)
}

async function strays({ blobs }: RepairDeps): Promise<readonly string[]> {
  const paths: string[] = []
  for await (const { path, digest } of blobs.list()) if (digest === undefined) paths.push(path)
  return paths
}

function outcome(
  before: readonly VerifyProblem[],
  { problems, checks, hashed }: Survey,
  { why, fetched }: { readonly why: Reasons; readonly fetched: ReadonlySet<string> },
): VerifyProblem[] {
  const left = new Map(problems.map((problem) => [keyOf(problem), problem]))
  const known = new Set(before.map(keyOf))
  const sound: ReadonlyMap<string, unknown> = hashed.sound
  const unrepaired = (problem: VerifyProblem): Repair => {
    const gap = checks.get(problem.subject)?.gaps.find(({ descriptor }) => why.has(descriptor.digest))
    const failure = why.get(problem.subject) ?? (gap && why.get(gap.descriptor.digest)) ?? problem.failure
    return { done: false, failure }
  }
  const old = before.map((problem): VerifyProblem => {
    const still = left.get(keyOf(problem)) ?? (why.has(problem.subject) ? problem : undefined)
    if (still !== undefined) return { ...problem, repair: unrepaired(still) }
    const orphan = problem.kind === 'blob' && !sound.has(problem.subject) ? unread(problem, checks) : undefined
    return { ...problem, repair: orphan ?? { done: true, how: howOf(problem, { fetched, sound }) } }
  })
  const fresh = problems.filter((problem) => !known.has(keyOf(problem)))
  return [...old, ...fresh.map((problem) => ({ ...problem, repair: unrepaired(problem) }))]
}

/** While a manifest is missing, nobody knows which blobs its image needs: one that was taken away may be one of them. */
function unread({ subject }: VerifyProblem, checks: Survey['checks']): Repair | undefined {
  for (const [reference, { gaps }] of checks) {
    if (gaps.every(isLeaf)) continue
    const message = `taken away; ${reference} may need it, whose manifest is missing`
    return { done: false, failure: { code: 'BLOB_UNKNOWN', message, details: { digest: subject, reference } } }
  }
  return undefined
}

function keyOf({ kind, subject }: VerifyProblem): string {
  return `${kind} ${subject}`
}

interface Blobs {
  readonly fetched: ReadonlySet<string>
  readonly sound: ReadonlyMap<string, unknown>
}

function howOf({ kind, subject }: VerifyProblem, { fetched, sound }: Blobs): string {
  switch (kind) {
    case 'blob':
      // Not fetched and sound all the same: another process has put it right, or its rights were all that was wrong.
      if (sound.has(subject)) return fetched.has(subject) ? 'fetched again' : 'sound again'
      return 'taken away; no image needs it'
    case 'reference':
      return 'complete again'
    case 'index':
      return 'written again'
    case 'permission':
      return 'set'
    case 'stray':
      return 'moved to .hearth/quarantine'
    case 'log':
      return 'made anew'
  }
}

/** With a damaged log nothing else can be repaired. */
export function leftAlone(problems: readonly VerifyProblem[]): readonly VerifyProblem[] {
  const message = 'the log is damaged, and comes first: hearth verify --rebuild --repair'
  const failure: Failure = { code: 'LOG_CORRUPT', message, details: {} }
  return problems.map((problem) => ({ ...problem, repair: { done: false, failure } }))
}
