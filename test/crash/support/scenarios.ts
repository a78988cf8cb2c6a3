/** Every command that writes, each on a cache in the state in which it has the most to do. */
import { rmSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import type { Recorded } from '../../../src/log/events.js'
import { blobPath, FORMAT_FILE, MATERIALISED_FILE } from '../../../src/oci/image-layout.js'
import { writeLayout } from '../../support/write-layout.js'
import { carrying } from './carrying.js'
import { readHistory } from './check.js'
import { ABSENT, type Change } from './oracle.js'
import { AMD64, dropFromIndex, emptyFolder, halfPulled, loseManifest, pulled } from './templates.js'
import { copyFolder, hearthHere, type Served, type World } from './world.js'

export interface Scenario {
  readonly name: string
  /** The cache before the command; `--cache` leads to a copy of it. */
  readonly template: string
  readonly argv: readonly string[]
  readonly before: readonly Change[]
  readonly changes: readonly Change[]
  /** Besides 0: codes of success that says more. */
  readonly alsoRight?: readonly number[]
  /** What brings the cache in order again, where that takes more than any command that writes. */
  readonly recovery?: readonly string[]
  /** Whether blobs may be lost in a power cut, to be noticed and fetched again by the next pull. */
  readonly relaxed?: boolean
}

const MIB = 1024 * 1024

interface Images {
  readonly one: Served
  readonly two: Served
  readonly multi: Served
  readonly large: Served
}

/** Makes the caches in which the commands will run whose names hold `only`. @throws TypeError when there are none. */
export async function scenarios(world: World, only = ''): Promise<readonly Scenario[]> {
  const images = await serveImages(world)
  const all = [
    ...(await pulling(world, images)),
    ...(await removing(world, images)),
    ...(await collecting(world, images)),
    ...(await carrying(world, await pulled(world, 'carried', [images.one, images.two]), images)),
    ...(await amongOthers(world, images)),
  ]
  const names = all.map(({ name }) => name)
  // A trial is done again by the name of its command.
  if (new Set(names).size < names.length) throw new TypeError(`two commands have one name: ${names}`)
  const found = all.filter(({ name }) => name.includes(only))
  if (found.length === 0) throw new TypeError(`no command is called ${only}; there are ${names.join(', ')}`)
  return found
}

export function succeeded({ alsoRight = [] }: Scenario, exitCode: number | null): boolean {
  return exitCode === 0 || (exitCode !== null && alsoRight.includes(exitCode))
}

/** The log before the command; none where it is the log that is damaged. @param root a folder to look at a copy. */
export async function historyOf({ template, recovery }: Scenario, root: string): Promise<readonly Recorded[]> {
  if (recovery) return []
  copyFolder(template, root)
  return await readHistory(root)
}

async function serveImages(world: World): Promise<Images> {
  const base = { seed: 'base', everyPlatform: true }
  return {
    one: await world.serve('app:1', { layers: [base, { seed: 'one' }] }),
    two: await world.serve('app:2', { layers: [base, { seed: 'two' }] }),
    multi: await world.serve(
      'multi:1',
      { platforms: ['linux/amd64', 'linux/arm64'], layers: [base, { seed: 'multi' }] },
      ['linux/amd64', 'linux/arm64/v8'],
    ),
    large: await world.serve('large:1', { layers: [base, { seed: 'large', bytes: 3 * MIB }] }),
  }
}

async function pulling(world: World, { one, two, multi, large }: Images): Promise<readonly Scenario[]> {
  const empty = emptyFolder(world, 'empty')
  const some = await pulled(world, 'some', [one])
  const half = await halfPulled(world, large)
  const old = await world.serve('moving:1', { seed: 'old', layers: [{ seed: 'base' }, { seed: 'old' }] })
  const stale = await pulled(world, 'stale', [one, old])
  const moved = await world.serve('moving:1', { seed: 'new', layers: [{ seed: 'base' }, { seed: 'new' }] })
  const has = [holding(one)]
  return [
    { name: 'pull-first', template: empty, argv: ['pull', ...AMD64, one.reference], before: [], changes: has },
    {
      name: 'pull-next',
      template: some,
      argv: ['pull', ...AMD64, two.reference],
      before: has,
      changes: [holding(two)],
    },
    {
      name: 'pull-all-platforms',
      template: some,
      argv: ['pull', '--platform', 'all', multi.reference],
      before: has,
      changes: [holding(multi)],
    },
    {
      name: 'pull-moved-tag',
      template: stale,
      argv: ['pull', '--pull', 'always', ...AMD64, moved.reference],
      before: [...has, holding(old)],
      changes: [holding(moved)],
    },
    {
      name: 'pull-resume',
      template: half,
      argv: ['pull', ...AMD64, large.reference],
      before: [],
      changes: [holding(large)],
    },
    {
      name: 'pull-relaxed',
      template: some,
      argv: ['pull', '--durability', 'relaxed', ...AMD64, two.reference],
      before: has,
      changes: [holding(two)],
      relaxed: true,
    },
    {
      name: 'warm',
      template: empty,
      argv: ['warm', ...AMD64, one.reference, two.reference, moved.reference],
      before: [],
      changes: [holding(one), holding(two), holding(moved)],
    },
  ]
}

async function removing(world: World, { one, two, multi }: Images): Promise<readonly Scenario[]> {
  const full = await pulled(world, 'full', [one, two, multi])
  const before = [holding(one), holding(two), { ...holding(multi), value: amd64Of(multi) }]
  return [
    { name: 'rm', template: full, argv: ['rm', one.reference], before, changes: [without(one)] },
    {
      name: 'rm-two',
      template: full,
      argv: ['rm', one.reference, multi.reference],
      before,
      changes: [without(one), without(multi)],
    },
    { name: 'clean', template: full, argv: ['clean'], before, changes: [one, two, multi].map(without) },
  ]
}

async function collecting(world: World, { one, two, multi }: Images): Promise<readonly Scenario[]> {
  const old = await world.serve('leaving:1', { seed: 'left', layers: [{ seed: 'base' }, { seed: 'left' }] })
  const leftovers = await pulled(world, 'leftovers', [one, old])
  const moved = await world.serve('leaving:1', { seed: 'stays', layers: [{ seed: 'base' }, { seed: 'stays' }] })
  await hearthHere(['pull', '--pull', 'always', '--cache', leftovers, ...AMD64, moved.reference])
  const full = await pulled(world, 'pinned', [one, two, multi])
  await hearthHere(['pin', two.reference, '--cache', full])
  const before = [holding(one), holding(two), { ...holding(multi), value: amd64Of(multi) }]
  const damaged = await pulled(world, 'damaged', [one, two])
  loseManifest(damaged)
  const rebuild = ['verify', '--rebuild']
  return [
    { name: 'gc', template: leftovers, argv: ['gc'], before: [holding(one), holding(moved)], changes: [] },
    {
      name: 'gc-budget',
      template: full,
      argv: ['gc', '--keep-bytes', '1'],
      before,
      changes: [without(one), without(multi)],
    },
    { name: 'log-compact', template: full, argv: ['log', '--compact', '--keep', '3'], before, changes: [] },
    { name: 'pin', template: full, argv: ['pin', one.reference, multi.reference], before, changes: [] },
    await repairing(world, two),
    { name: 'push', template: full, argv: ['push', two.reference], before, changes: [] },
    {
      name: 'verify-rebuild',
      template: damaged,
      argv: rebuild,
      before: [holding(one), holding(two)],
      changes: [],
      ...{ alsoRight: [10], recovery: rebuild },
    },
  ]
}

async function amongOthers(world: World, { one, two, multi }: Images): Promise<readonly Scenario[]> {
  const foreign = emptyFolder(world, 'foreign')
  await writeLayout(foreign, [{ name: two.reference, image: two.image }])
  const edited = await pulled(world, 'edited', [one, two, multi])
  dropFromIndex(edited, multi.reference)
  const pull = ['pull', '--pull', 'always', ...AMD64, one.reference]
  return [
    await restoring(world, one),
    { name: 'pull-adopting', template: foreign, argv: pull, before: [holding(two)], changes: [holding(one)] },
    {
      name: 'rm-after-edit',
      template: edited,
      argv: ['rm', one.reference],
      before: [holding(one), holding(two)],
      changes: [without(one)],
    },
  ]
}

/** One layer is lost, and so is what only hearth itself reads. */
async function repairing(world: World, served: Served): Promise<Scenario> {
  const template = await pulled(world, 'broken', [served])
  const lost = served.image.platforms.get('linux/amd64')?.layers[1]?.digest
  if (lost === undefined) throw new TypeError('no second layer')
  for (const path of [blobPath(lost), FORMAT_FILE]) rmSync(join(template, path))
  truncateSync(join(template, MATERIALISED_FILE), 100)
  const { root, blobs } = served.value
  return {
    name: 'verify-repair',
    template,
    argv: ['verify', '--repair'],
    before: [{ reference: served.reference, value: { root, blobs: blobs.filter((digest) => digest !== lost) } }],
    changes: [holding(served)],
    alsoRight: [10],
  }
}

const holding = ({ reference, value }: Served): Change => ({ reference, value })
const without = ({ reference }: Served): Change => ({ reference, value: ABSENT })

/** What a pull of one platform leaves of an image with several. */
function amd64Of({ image, value }: Served): Change['value'] {
  const amd64 = image.platforms.get('linux/amd64')
  if (amd64 === undefined) throw new TypeError('no linux/amd64')
  const blobs = [image.root, amd64.manifest, amd64.config, ...amd64.layers].map(({ digest }) => digest)
  return { root: value.root, blobs }
}

/** A tag moved, and its old image is still there. */
async function restoring(world: World, one: Served): Promise<Scenario> {
  const old = await world.serve('back:1', { seed: 'before', layers: [{ seed: 'base' }, { seed: 'before' }] })
  const template = await pulled(world, 'restored', [one, old])
  const { length } = await readHistory(template)
  const moved = await world.serve('back:1', { seed: 'after', layers: [{ seed: 'base' }, { seed: 'after' }] })
  await hearthHere(['pull', '--pull', 'always', '--cache', template, ...AMD64, moved.reference])
  return {
    name: 'restore',
    template,
    argv: ['restore', old.reference, '--at', `${length}`],
    before: [holding(one), holding(moved)],
    changes: [holding(old)],
  }
}
