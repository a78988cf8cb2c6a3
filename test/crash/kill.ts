/**
 * kill -9 at the N-th system call: every command that writes is killed at each call that changes the cache. After each
 * kill the cache is looked at as other tools see it, its recovery is killed too (twice at most), then it is recovered,
 * the command is run again, and everything must be as if nothing had happened.
 */
import { rmSync } from 'node:fs'
import type { Recorded } from '../../src/log/events.js'
import { checkLayout } from './support/check.js'
import type { CrashOptions } from './support/options.js'
import { Oracle } from './support/oracle.js'
import { Random } from './support/random.js'
import { checkAftermath, RECOVER } from './support/recovery.js'
import { Report } from './support/report.js'
import { historyOf, type Scenario, scenarios, succeeded } from './support/scenarios.js'
import { callsIn, hasStrace, KILL, mutationsOf, siteOf, traced } from './support/strace.js'
import { copyFolder, World } from './support/world.js'

/** One kill: of which command, at which call, and what else is left to chance. */
interface Point {
  readonly scenario: Scenario
  readonly syscall: string
  readonly when: number
  readonly seed: number
}

interface Prepared {
  readonly scenario: Scenario
  readonly calls: readonly { readonly syscall: string; readonly when: number }[]
  readonly history: readonly Recorded[]
}

export async function kill(options: CrashOptions): Promise<number> {
  const report = new Report(`kill -9 at the N-th system call (seed ${options.seed})`)
  if (!hasStrace()) {
    report.note('not run: strace is not installed')
    return report.end()
  }
  const world = await World.open()
  try {
    await new Kills(world, options, report).run()
  } finally {
    await world.close()
  }
  return report.end()
}

class Kills {
  readonly #world: World
  readonly #options: CrashOptions
  readonly #report: Report
  readonly #prepared = new Map<string, Prepared>()
  readonly #sites = { known: new Set<string>(), reached: new Set<string>() }
  #trials = 0

  constructor(world: World, options: CrashOptions, report: Report) {
    this.#world = world
    this.#options = options
    this.#report = report
  }

  async run(): Promise<void> {
    const { only, points, seed } = this.#options
    const wanted = await scenarios(this.#world, only)
    for (const scenario of wanted) this.#prepared.set(scenario.name, await this.#prepare(scenario))
    const replayed = this.#replayed()
    if (replayed) return await this.#trial(replayed)
    const random = new Random(seed)
    while (this.#trials < points && !this.#report.stopped) {
      for (const point of random.shuffled(this.#everyPoint(random))) {
        if (this.#trials >= points || this.#report.stopped) break
        await this.#trial(point)
      }
    }
    const { known, reached } = this.#sites
    const missed = [...known].filter((site) => !reached.has(site))
    this.#report.note(`${wanted.length} commands; reached ${known.size - missed.length} of ${known.size} places`)
    if (missed.length < 10) for (const site of missed) this.#report.note(`not reached: ${site}`)
  }

  /** Runs the command to its end and writes down each call that changes the cache. */
  async #prepare(scenario: Scenario): Promise<Prepared> {
    const root = this.#world.path('cache')
    const trace = this.#world.path('trace')
    copyFolder(scenario.template, root)
    const { exitCode, stderr } = await traced([...scenario.argv, '--cache', root], { trace, env: this.#world.env })
    if (!succeeded(scenario, exitCode)) throw new Error(`${scenario.name} fails by itself: ${stderr}`)
    const calls = new Map<string, { syscall: string; when: number }>()
    for (const call of mutationsOf(callsIn(trace), root)) {
      this.#sites.known.add(`${scenario.name}: ${siteOf(call, root)}`)
      calls.set(`${call.syscall} ${call.nth}`, { syscall: call.syscall, when: call.nth })
    }
    return { scenario, calls: [...calls.values()], history: await historyOf(scenario, root) }
  }

  #everyPoint(random: Random): Point[] {
    return [...this.#prepared.values()].flatMap(({ scenario, calls }) =>
      calls.map(({ syscall, when }) => {
        // Threads that wake one another write too, a few times more or less in each run.
        const jitter = syscall === 'write' && this.#trials > 0 ? random.below(7) - 3 : 0
        return { scenario, syscall, when: Math.max(1, when + jitter), seed: random.below(2 ** 31) }
      }),
    )
  }

  /** `SCENARIO:SYSCALL:N:SEED`. */
  #replayed(): Point | undefined {
    const { replay } = this.#options
    if (replay === undefined) return undefined
    const [name = '', syscall = '', when = '', seed = ''] = replay.split(':')
    const scenario = this.#prepared.get(name)?.scenario
    if (scenario === undefined) throw new TypeError(`no such trial: ${replay}`)
    return { scenario, syscall, when: Number(when), seed: Number(seed) }
  }

  async #trial(point: Point): Promise<void> {
    this.#trials += 1
    const random = new Random(point.seed)
    const { scenario } = point
    const root = this.#world.path(`cache-${this.#trials}`)
    const oracle = new Oracle(this.#world.path('oracle.jsonl'))
    const problems: string[] = []
    copyFolder(scenario.template, root)
    oracle.holds(scenario.before)
    const intent = oracle.intend(scenario.changes)
    if (await this.#kill(point, root)) oracle.acknowledge(intent)
    problems.push(...checkLayout(root, oracle))
    for (let depth = 0; depth < 2 && random.chance(0.15); depth++) {
      await this.#killRecovery(scenario, { root, random })
      problems.push(...checkLayout(root, oracle))
    }
    const before = this.#prepared.get(scenario.name)?.history ?? []
    const tools = point.seed % 50 === 0
    problems.push(...(await checkAftermath(root, { world: this.#world, scenario, oracle, before, tools })))
    if (problems.length > 0) this.#fail(point, problems)
    rmSync(root, { recursive: true, force: true })
    rmSync(this.#world.path('oracle.jsonl'))
  }

  /** @returns whether the command got as far as to say that it was done. */
  async #kill({ scenario, syscall, when }: Point, root: string): Promise<boolean> {
    const trace = this.#world.path('trace')
    const injection = { syscall, when, fault: KILL }
    const run = await traced([...scenario.argv, '--cache', root], { trace, injection, env: this.#world.env })
    this.#report.count(run.exitCode === null ? 'kills' : 'runs that ended before the kill')
    if (run.exitCode === null) this.#noteSite(scenario, syscall, root)
    else if (!succeeded(scenario, run.exitCode))
      throw new Error(`${scenario.name} ended with ${run.exitCode}: ${run.stderr}`)
    return run.stdout !== ''
  }

  #noteSite(scenario: Scenario, syscall: string, root: string): void {
    const last = callsIn(this.#world.path('trace')).findLast((call) => call.syscall === syscall)
    if (last === undefined || !last.rest.includes(root)) return
    this.#report.count('of them at a call that changes the cache')
    this.#sites.reached.add(`${scenario.name}: ${siteOf(last, root)}`)
  }

  async #killRecovery(
    { recovery = RECOVER }: Scenario,
    { root, random }: { root: string; random: Random },
  ): Promise<void> {
    const syscall = random.pick(['rename', 'fsync', 'fdatasync', 'unlink', 'openat', 'write'])
    const when = 1 + random.below(syscall === 'write' ? 200 : syscall === 'openat' ? 90 : 10)
    const injection = { syscall, when, fault: KILL }
    const trace = this.#world.path('trace')
    const run = await traced([...recovery, '--cache', root], { trace, injection, env: this.#world.env })
    if (run.exitCode === null) this.#report.count('kills of a recovery')
  }

  #fail({ scenario, syscall, when, seed }: Point, problems: readonly string[]): void {
    this.#report.fail({
      problems,
      trial: `${scenario.name}, killed at ${syscall} number ${when}`,
      replay: `npm run crash -- kill --replay ${scenario.name}:${syscall}:${when}:${seed}`,
    })
  }
}
