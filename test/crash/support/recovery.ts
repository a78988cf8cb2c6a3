import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Recorded } from '../../../src/log/events.js'
import { checkHistory, checkLayout, checkMaterialised, readHistory } from './check.js'
import type { Oracle } from './oracle.js'
import { hearthHere } from './world.js'

/** Any command that writes recovers the cache first; this one then has nothing to do. */
export const RECOVER = ['rm', 'nothing.example/of-this-name:1']

/**
 * Recovers a cache twice and checks everything after each time: that all is there (I1 to I5, I12), and that the second
 * recovery finds nothing left to do (I6).
 */
export async function recoverAndCheck(root: string, oracle: Oracle, before: readonly Recorded[]): Promise<string[]> {
  await hearthHere([...RECOVER, '--cache', root])
  // Killed before it was a cache: looking at such a folder makes none.
  if (!existsSync(join(root, 'index.json'))) return checkLayout(root, oracle)
  const records = await readHistory(root)
  const problems = [...checkLayout(root, oracle), ...checkHistory(records, before), ...checkMaterialised(root, records)]
  const index = readFileSync(join(root, 'index.json'), 'latin1')
  await hearthHere([...RECOVER, '--cache', root])
  const again = await readHistory(root)
  if (again.length !== records.length) problems.push(`I6: a second recovery recorded ${again.length - records.length}`)
  if (readFileSync(join(root, 'index.json'), 'latin1') !== index)
    problems.push('I6: a second recovery wrote index.json')
  return problems
}
