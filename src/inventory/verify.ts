import { type RebuildDeps, rebuildLog } from './rebuild.js'
import { leftAlone, type RepairDeps, repairCache } from './repair.js'
import type { RebuiltLog, VerifyProblem, VerifyReport } from './reports.js'
import { type Survey, type SurveyDeps, type SurveyOptions, surveyCache } from './survey.js'

export type VerifyDeps = SurveyDeps

/** What may be changed. Without either: nothing. */
export interface Mending {
  /** For a log that is damaged: a sound one is left alone, and so is its history. */
  readonly rebuild?: RebuildDeps & { readonly openNewLog: () => Promise<SurveyDeps['log']> }
  /** Opens the cache for writing; asked for only when something is to be repaired. */
  readonly repair?: (survey: Survey) => Promise<RepairDeps>
}

/**
 * Says what is wrong with a cache, and what became of it.
 * @throws HearthError as surveyCache, rebuildLog and repairCache do.
 */
export async function verifyCache(
  deps: VerifyDeps,
  options: SurveyOptions = {},
  { rebuild, repair }: Mending = {},
): Promise<VerifyReport> {
  const found = await surveyCache(deps, options)
  const { survey, made, rebuilt } =
    rebuild && isLogDamaged(found) ? await rebuildFrom(found, rebuild, options) : { survey: found, made: [] }
  const { survey: last, problems } = repair ? await repairFrom(survey, repair, options) : { survey, ...survey }
  const report = reportOf(last, [...made, ...problems])
  return rebuilt === undefined ? report : { ...report, rebuilt }
}

interface Rebuilding {
  readonly survey: Survey
  /** The damages that are no more. */
  readonly made: readonly VerifyProblem[]
  readonly rebuilt?: RebuiltLog
}

async function rebuildFrom(
  found: Survey,
  deps: NonNullable<Mending['rebuild']>,
  options: SurveyOptions,
): Promise<Rebuilding> {
  const rebuilt = await rebuildLog(found, deps, options.signal)
  const log = await deps.openNewLog()
  // With the first survey's blobs: what it called missing may have been in the old log alone.
  const survey = await surveyCache({ ...deps, ...(log && { log }) }, options, found.hashed)
  const { keptAside } = rebuilt
  const kept = keptAside === undefined ? '' : `; the old one is in ${keptAside}`
  const how = `a new log was made from index.json and the blobs${kept}`
  const damages = found.problems.filter(({ kind }) => kind === 'log')
  return { survey, made: damages.map((problem) => ({ ...problem, repair: { done: true, how } })), rebuilt }
}

async function repairFrom(survey: Survey, open: NonNullable<Mending['repair']>, options: SurveyOptions) {
  if (survey.problems.length === 0) return { survey, problems: [] }
  // Nothing can be recorded in a damaged log, and nothing that it says can be relied on.
  if (isLogDamaged(survey)) return { survey, problems: leftAlone(survey.problems) }
  return await repairCache(survey, await open(survey), options)
}

function isLogDamaged({ problems }: Survey): boolean {
  return problems.some(({ kind }) => kind === 'log')
}

function reportOf({ hashed, images, findings }: Survey, problems: readonly VerifyProblem[]): VerifyReport {
  const { blobs, bytes } = hashed
  return { blobs, bytes, references: images.size, events: findings.events, problems }
}
