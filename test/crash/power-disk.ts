/**
 * Power cuts with a real kernel: the cache lies on a file system in a file, and that file is copied in an instant by XFS while
 * nothing was flushed for the occasion. The copy is what the disk held: it is mounted, which replays its journal, and
 * looked at. Each command is cut at one of its system calls, or right after it said that it was done: only the latter finds
 * an fsync of a folder that is missing.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Recorded } from '../../src/log/events.js'
import { checkLayout } from './support/check.js'
import type { CrashOptions } from './support/options.js'
import { Oracle } from './support/oracle.js'
import { Random } from './support/random.js'
import { checkAftermath } from './support/recovery.js'
import { Report } from './support/report.js'
import { historyOf, type Scenario, scenarios, succeeded } from './support/scenarios.js'
import { callsIn, hasStrace, KILL, mayFakeBoot, mutationsOf, traced } from './support/strace.js'
import { copyFolder, World } from './support/world.js'

const OUTER_MIB = 1024
const INNER_MIB = 320

interface Disks {
  /** XFS: what is copied in an instant. */
  readonly outer: string
  /** ext4 in a file of it. */
  readonly inner: string
  readonly image: string
  /** Where a copy is mounted. */
  readonly copy: string
}

interface Prepared {
  readonly scenario: Scenario
  readonly calls: readonly { readonly syscall: string; readonly when: number }[]
  readonly history: readonly Recorded[]
}

export async function powerDisk(options: CrashOptions): Promise<number> {
  const report = new Report(`power cuts of a real ext4 (seed ${options.seed})`)
  const folder = mkdtempSync(join(tmpdir(), 'hearth-crash-disk-'))
  try {
    const disks = mountDisks(folder)
    if (disks !== undefined && hasStrace() && mayFakeBoot()) await cutAll(disks, options, report)
    else report.note('not run: it takes root, loop devices, mkfs.xfs, mkfs.ext4 and strace')
  } finally {
    for (const name of ['copy', 'inner', 'outer']) spawnSync('umount', [join(folder, name)])
    rmSync(folder, { recursive: true, force: true })
  }
  return report.end()
}

async function cutAll(disks: Disks, options: CrashOptions, report: Report): Promise<void> {
  const world = await World.open()
  try {
    await new Cuts(world, disks, report).run(options)
  } finally {
    await world.close()
  }
}

function mountDisks(folder: string): Disks | undefined {
  const [outer, inner, copy] = [join(folder, 'outer'), join(folder, 'inner'), join(folder, 'copy')]
  for (const path of [outer, inner, copy]) mkdirSync(path)
  const image = join(outer, 'image')
  const steps = [
    ['truncate', '-s', `${OUTER_MIB}M`, `${folder}/outer.img`],
    ['mkfs.xfs', '-q', '-m', 'reflink=1', `${folder}/outer.img`],
    ['mount', '-o', 'loop', `${folder}/outer.img`, outer],
    ['truncate', '-s', `${INNER_MIB}M`, image],
    ['mkfs.ext4', '-q', '-E', 'lazy_itable_init=0,lazy_journal_init=0', image],
    ['mount', '-o', 'loop', image, inner],
  ]
  return steps.every(run) ? { outer, inner, image, copy } : undefined
}

function run([program = '', ...args]: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0
}

class Cuts {
  readonly #world: World
  readonly #disks: Disks
  readonly #report: Report

  constructor(world: World, disks: Disks, report: Report) {
    this.#world = world
    this.#disks = disks
    this.#report = report
  }

  async run({ only, points, seed, replay }: CrashOptions): Promise<void> {
    const [name, syscall, when] = replay?.split(':') ?? []
    const prepared: Prepared[] = []
    for (const scenario of await scenarios(this.#world, name ?? only)) prepared.push(await this.#prepare(scenario))
    const random = new Random(seed)
    for (let trial = 0; trial < (replay ? 1 : points) && !this.#report.stopped; trial++) {
      const chosen = random.pick(prepared)
      const call = syscall ? { syscall, when: Number(when) } : random.pick(chosen.calls)
      // One in three comes to its end.
      await this.#trial(chosen, random.chance(0.33) && !syscall ? undefined : call)
    }
  }

  async #prepare(scenario: Scenario): Promise<Prepared> {
    const [root, trace] = [this.#world.path('cache'), this.#world.path('trace')]
    const history = await historyOf(scenario, root)
    copyFolder(scenario.template, root)
    await traced([...scenario.argv, '--cache', root], { trace, env: this.#world.env })
    const calls = mutationsOf(callsIn(trace), root).map(({ syscall, nth }) => ({ syscall, when: nth }))
    return { scenario, calls, history }
  }

  async #trial({ scenario, history }: Prepared, call: Prepared['calls'][number] | undefined): Promise<void> {
    const root = join(this.#disks.inner, 'cache')
    copyFolder(scenario.template, root)
    run(['sync', '-f', root])
    const oracle = new Oracle()
    oracle.holds(scenario.before)
    const intent = oracle.intend(scenario.changes)
    const ended = await traced([...scenario.argv, '--cache', root], {
      ...{ trace: this.#world.path('trace'), anotherBoot: true, env: this.#world.env },
      ...(call && { injection: { ...call, fault: KILL } }),
    })
    if (ended.stdout !== '' || succeeded(scenario, ended.exitCode)) oracle.acknowledge(intent)
    this.#report.count(call ? 'power cuts at a system call' : 'power cuts right after the acknowledgement')
    const problems = await this.#look(scenario, { oracle, history })
    if (problems.length === 0) return
    this.#report.fail({
      problems,
      trial: `${scenario.name}, ${call ? `cut at ${call.syscall} number ${call.when}` : 'cut after its end'}`,
      replay: `npm run crash -- power-disk --replay ${scenario.name}:${call?.syscall ?? ''}:${call?.when ?? ''}`,
    })
  }

  /** Copies the disk as it is, mounts the copy and looks at it. */
  async #look(
    scenario: Scenario,
    { oracle, history }: { readonly oracle: Oracle; readonly history: readonly Recorded[] },
  ): Promise<readonly string[]> {
    const { outer, image, copy } = this.#disks
    const snapshot = join(outer, 'snapshot')
    if (!run(['cp', '--reflink=always', image, snapshot])) throw new Error('the disk cannot be copied')
    if (!run(['mount', '-o', 'loop', snapshot, copy])) return ['the copy cannot be mounted']
    try {
      const root = join(copy, 'cache')
      const problems = scenario.relaxed ? [] : checkLayout(root, oracle)
      return [...problems, ...(await checkAftermath(root, { world: this.#world, scenario, oracle, before: history }))]
    } finally {
      run(['umount', copy])
      rmSync(snapshot)
    }
  }
}
