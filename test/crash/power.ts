/**
 * Power cuts, replayed: each command is traced once with all its data; then, for a moment in that trace, a disk is built
 * that holds what was fsynced until then and a part of the rest. As deterministic as a trace, and whatever the file system.
 */
import type { Recorded } from '../../src/log/events.js'
import { checkLayout } from './support/check.js'
import { type Recording, readRecording } from './support/disk-ops.js'
import type { CrashOptions } from './support/options.js'
import { Oracle } from './support/oracle.js'
import { type Cut, cutPower, everyCut, STYLES, type Style } from './support/power-cut.js'
import { Random } from './support/random.js'
import { checkAftermath } from './support/recovery.js'
import { Report } from './support/report.js'
import { historyOf, type Scenario, scenarios, succeeded } from './support/scenarios.js'
import { hasStrace, mayFakeBoot, traced } from './support/strace.js'
import { copyFolder, World } from './support/world.js'

interface Traced {
  readonly scenario: Scenario
  readonly recording: Recording
  readonly history: readonly Recorded[]
}

interface State {
  readonly traced: Traced
  readonly cut: Cut
  readonly seed: number
}

export async function power(options: CrashOptions): Promise<number> {
  return await start(options, { title: 'power cuts, replayed from traces', choose: chosen })
}

/** The same with every operation lost alone at every moment, instead of by chance: for short commands all of them can be tried. */
export async function powerEvery(options: CrashOptions): Promise<number> {
  return await start(options, { title: 'power cuts that lose all, nothing, or one operation', choose: everyOne })
}

interface Kind {
  readonly title: string
  choose(recordings: readonly Traced[], random: Random, options: { points: number; report: Report }): readonly State[]
}

async function start(options: CrashOptions, kind: Kind): Promise<number> {
  const report = new Report(`${kind.title} (seed ${options.seed})`)
  if (!hasStrace()) {
    report.note('not run: strace is not installed')
    return report.end()
  }
  const world = await World.open()
  try {
    await run(world, options, { kind, report })
  } finally {
    await world.close()
  }
  return report.end()
}

async function run(
  world: World,
  options: CrashOptions,
  { kind, report }: { readonly kind: Kind; readonly report: Report },
): Promise<void> {
  const reboot = mayFakeBoot()
  if (!reboot) report.note('without the commands of relaxed durability: only root may let the machine seem rebooted')
  const wanted = (await scenarios(world, options.only)).filter(({ relaxed }) => reboot || !relaxed)
  const recordings: Traced[] = []
  for (const scenario of wanted) recordings.push(await record(world, scenario, reboot))
  for (const { scenario, recording } of recordings) {
    report.note(`${scenario.name}: ${recording.ops.length} operations`)
  }
  const random = new Random(options.seed)
  const { replay, points } = options
  const states = replay ? [replayed(replay, recordings)] : kind.choose(recordings, random, { points, report })
  for (const state of states) {
    if (report.stopped) return
    await trial(world, state, report)
  }
}

/** Runs the command to its end, in a boot of its own: after the power cut, it is another one. */
async function record(world: World, scenario: Scenario, anotherBoot: boolean): Promise<Traced> {
  const [root, trace] = [world.path('cache'), world.path('trace')]
  const history = await historyOf(scenario, root)
  copyFolder(scenario.template, root)
  const { exitCode, stderr } = await traced([...scenario.argv, '--cache', root], {
    ...{ trace, data: true, anotherBoot, env: world.env },
  })
  if (!succeeded(scenario, exitCode)) throw new Error(`${scenario.name} fails by itself: ${stderr}`)
  return { scenario, recording: readRecording(trace, { root, before: scenario.template }), history }
}

/** Each moment of each command, until there are enough: first once, then again with other luck. */
function chosen(recordings: readonly Traced[], random: Random, { points }: { points: number }): State[] {
  const states: State[] = []
  while (recordings.length > 0 && states.length < points) {
    const round = recordings.flatMap((traced) =>
      traced.recording.ops.map((_, index) => ({
        traced,
        cut: { after: index + 1, style: random.pick(STYLES) },
        seed: random.below(2 ** 31),
      })),
    )
    states.push(...random.shuffled(round))
  }
  return states.slice(0, points)
}

/** All of them, or as many as there are points. */
function everyOne(
  recordings: readonly Traced[],
  random: Random,
  { points, report }: { points: number; report: Report },
): State[] {
  const states = recordings.flatMap((traced) => everyCut(traced.recording).map((cut) => ({ traced, cut, seed: 0 })))
  const all = states.length <= points
  report.note(all ? `each of the ${states.length} disks was tried` : `${points} of ${states.length} disks`)
  return all ? states : random.shuffled(states).slice(0, points)
}

/** In one word, to be replayed with. */
function wordOf(style: Style): string {
  return typeof style === 'object' ? `without-${style.without}` : style.replace(' ', '-')
}

function styleOf(word: string | undefined): Style | undefined {
  const without = /^without-(\d+)$/.exec(word ?? '')?.[1]
  return without === undefined ? STYLES.find((one) => wordOf(one) === word) : { without: Number(without) }
}

/** `SCENARIO:OPERATIONS:STYLE:SEED`. */
function replayed(words: string, recordings: readonly Traced[]): State {
  const [name, after, style, seed] = words.split(':')
  const found = recordings.find(({ scenario }) => scenario.name === name)
  const known = styleOf(style)
  if (found === undefined || known === undefined) throw new TypeError(`no such trial: ${words}`)
  return { traced: found, cut: { after: Number(after), style: known }, seed: Number(seed) }
}

async function trial(world: World, { traced, cut, seed }: State, report: Report): Promise<void> {
  const { scenario, recording, history } = traced
  const [root, random] = [world.path('disk'), new Random(seed)]
  const lost = cutPower(recording, cut, { target: root, random })
  const oracle = new Oracle()
  oracle.holds(scenario.before)
  const intent = oracle.intend(scenario.changes)
  if (recording.ops.slice(0, cut.after).some(({ kind }) => kind === 'acknowledge')) oracle.acknowledge(intent)
  report.count('disks after a power cut')
  if (lost.length > 0) report.count('of them had lost something')
  // With relaxed durability a blob may be damaged until the next pull that needs it.
  const problems = scenario.relaxed ? [] : checkLayout(root, oracle)
  problems.push(...(await checkAftermath(root, { world, scenario, oracle, before: history })))
  if (problems.length === 0) return
  const style = wordOf(cut.style)
  report.fail({
    problems: [...problems, ...lost.slice(-12)],
    trial: `${scenario.name}, after ${cut.after} operations, with ${style} of what was not fsynced`,
    replay: `npm run crash -- power --replay ${scenario.name}:${cut.after}:${style}:${seed}`,
  })
}
