import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isHearthError } from '../../../src/errors.js'
import type { Recorded } from '../../../src/log/events.js'
import { checkAfterwards } from './afterwards.js'
import { checkHistory, checkLayout, checkMaterialised, readHistory } from './check.js'
import { readLayout } from './layout.js'
import type { Oracle } from './oracle.js'
import type { Scenario } from './scenarios.js'
import { hearthHere, type World } from './world.js'

/** Any command that writes recovers the cache first; this one then has nothing to do. */
export const RECOVER = ['rm', 'nothing.example/of-this-name:1']

/**
 * Recovers a cache twice and checks everything after each time: that all is there (I1 to I5, I12), and that the second
 * recovery finds nothing left to do (I6).
 */
export async function recoverAndCheck(
  root: string,
  oracle: Oracle,
  { before, recovery = RECOVER }: { readonly before: readonly Recorded[]; readonly recovery?: readonly string[] },
): Promise<string[]> {
  await hearthHere([...recovery, '--cache', root])
  // Killed before it was a cache: looking at such a folder makes none.
  if (!existsSync(join(root, 'index.json'))) return checkLayout(root, oracle)
  const records = await readHistory(root)
  const problems = [...checkLayout(root, oracle), ...checkHistory(records, before), ...checkMaterialised(root, records)]
  const index = readFileSync(join(root, 'index.json'), 'latin1')
  await hearthHere([...recovery, '--cache', root])
  const again = await readHistory(root)
  if (again.length !== records.length) problems.push(`I6: a second recovery recorded ${again.length - records.length}`)
  if (readFileSync(join(root, 'index.json'), 'latin1') !== index)
    problems.push('I6: a second recovery wrote index.json')
  return problems
}

export interface Aftermath {
  readonly world: World
  readonly scenario: Scenario
  readonly oracle: Oracle
  /** The log before the command. */
  readonly before: readonly Recorded[]
  /** Whether other tools are asked too; it takes a second. */
  readonly tools?: boolean
}

/** After whatever happened to a command: recovers, runs it again, and checks that all is as if nothing had happened. */
export async function checkAftermath(root: string, aftermath: Aftermath): Promise<readonly string[]> {
  const { world, scenario, oracle, before, tools = false } = aftermath
  try {
    const { recovery } = scenario
    const recovered = await recoverAndCheck(root, oracle, { before, ...(recovery && { recovery }) })
    // With relaxed durability a blob may be damaged until the next pull that needs it.
    const problems = scenario.relaxed ? [] : recovered
    problems.push(...(await runAgain(root, aftermath)))
    return [...problems, ...(await checkAfterwards(root, world, { tools }))]
  } catch (error) {
    return [`I6: ${error instanceof Error ? error.stack : error}`]
  }
}

async function runAgain(root: string, { world, scenario, oracle }: Aftermath): Promise<string[]> {
  const problems: string[] = []
  const { sound } = readLayout(root)
  world.registry.requests.length = 0
  const intent = oracle.intend(scenario.changes)
  const exitCode = await runHere(scenario, root)
  if (exitCode !== 0 && !scenario.alsoRight?.includes(exitCode)) {
    problems.push(`I6: run again, the command ends with ${exitCode}`)
  }
  oracle.acknowledge(intent)
  for (const digest of world.registry.blobRequests().keys()) {
    if (sound.has(digest)) problems.push(`I11: ${digest} is fetched though it was there`)
  }
  return [...problems, ...checkLayout(root, oracle)]
}

/** A name that the first run has removed already is unknown to the second one. */
async function runHere({ argv }: Scenario, root: string): Promise<number> {
  try {
    const exitCode = await hearthHere([...argv, '--cache', root])
    return argv[0] === 'rm' && exitCode === 3 ? 0 : exitCode
  } catch (error) {
    if (isHearthError(error, 'REFERENCE_UNKNOWN')) return 0
    throw error
  }
}
