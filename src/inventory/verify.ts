import { type RebuildDeps, rebuildLog } from './rebuild.js'
import type { RebuiltLog, VerifyProblem, VerifyReport } from './reports.js'
import { reportOf, type SurveyDeps, type SurveyOptions, surveyCache } from './survey.js'

export type VerifyDeps = SurveyDeps

/** Says what is wrong with a cache. Changes nothing. @throws HearthError as surveyCache does. */
export async function verifyCache(deps: VerifyDeps, options: SurveyOptions = {}): Promise<VerifyReport> {
  return reportOf(await surveyCache(deps, options))
}

export interface RebuildOptions extends SurveyOptions {
  /** Opens the new log as every command does that writes, which brings index.json up to it. */
  readonly openNewLog: () => Promise<SurveyDeps['log']>
}

/** The same, after a log that is damaged was made anew. A sound log is left alone, and so is its history. */
export async function verifyAndRebuild(deps: RebuildDeps, options: RebuildOptions): Promise<VerifyReport> {
  const survey = await surveyCache(deps, options)
  const damages = survey.problems.filter(({ kind }) => kind === 'log')
  if (damages.length === 0) return reportOf(survey)
  const rebuilt = await rebuildLog(survey, deps, options.signal)
  const log = await options.openNewLog()
  // The first survey's blobs: what it called missing may have been in the old log alone.
  const report = reportOf(await surveyCache({ ...deps, ...(log && { log }) }, options, survey.hashed))
  return { ...report, problems: [...damages.map((problem) => repaired(problem, rebuilt)), ...report.problems], rebuilt }
}

function repaired(problem: VerifyProblem, { keptAside }: RebuiltLog): VerifyProblem {
  const kept = keptAside === undefined ? '' : `; the old one is in ${keptAside}`
  return { ...problem, repair: { done: true, how: `a new log was made from index.json and the blobs${kept}` } }
}
