/** What brings images in from elsewhere than a registry. */
import { mkdirSync } from 'node:fs'
import type { Scenario } from './scenarios.js'
import { hearthHere, type Served, type World } from './world.js'

/** Imports of an archive with both images, into nothing and beside the first one. @param from a cache that holds them. */
export async function carrying(
  world: World,
  from: string,
  { one, two }: { readonly one: Served; readonly two: Served },
): Promise<readonly Scenario[]> {
  const [archive, first, empty, some] = ['both.tar', 'first.tar', 'import-empty', 'import-some'].map((name) =>
    world.path(name),
  ) as [string, string, string, string]
  await hearthHere(['export', one.reference, two.reference, '--cache', from, '-o', archive])
  await hearthHere(['export', one.reference, '--cache', from, '-o', first])
  mkdirSync(empty)
  await hearthHere(['import', first, '--cache', some])
  const holding = ({ reference, value }: Served) => ({ reference, value })
  const argv = ['import', archive]
  return [
    { name: 'import', template: empty, argv, before: [], changes: [holding(one), holding(two)] },
    { name: 'import-next', template: some, argv, before: [holding(one)], changes: [holding(two)] },
  ]
}
