/**
 * Many processes on one cache: each of eight pulls and removes images of its own, which share layers with everybody else's,
 * verifies and looks around, and is killed or stopped for a while at any moment. What each was told is written down, and
 * now and then, when all are quiet, everything that was acknowledged has to be there.
 */
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Recorded } from '../../src/log/events.js'
import { startHearth } from '../support/hearth.js'
import { checkAfterwards } from './support/afterwards.js'
import { checkLayout, readHistory } from './support/check.js'
import type { CrashOptions } from './support/options.js'
import { ABSENT, type Change, Oracle } from './support/oracle.js'
import { Random } from './support/random.js'
import { recoverAndCheck } from './support/recovery.js'
import { Report } from './support/report.js'
import { AMD64 } from './support/templates.js'
import { type Served, World } from './support/world.js'

const LANES = 8
const IMAGES = 3
/** Between two looks at everything. */
const ROUND_S = 20

export async function processes(options: CrashOptions): Promise<number> {
  const report = new Report(`${LANES} processes on one cache (seed ${options.seed})`)
  const world = await World.open()
  try {
    await new Crowd(world, options, report).run()
  } finally {
    await world.close()
  }
  return report.end()
}

class Crowd {
  readonly #world: World
  readonly #options: CrashOptions
  readonly #report: Report
  readonly #root: string
  readonly #history: string
  readonly #oracle: Oracle
  #quiet = 0
  /** The log at the last look. */
  #records: readonly Recorded[] = []

  constructor(world: World, options: CrashOptions, report: Report) {
    this.#world = world
    this.#options = options
    this.#report = report
    this.#root = world.path('cache')
    this.#history = join(tmpdir(), `hearth-crash-history-${process.pid}.jsonl`)
    this.#oracle = new Oracle(this.#history)
  }

  async run(): Promise<void> {
    const { seconds, seed } = this.#options
    const lanes = await Promise.all(Array.from({ length: LANES }, (_, lane) => this.#serve(lane)))
    const randoms = lanes.map((_, lane) => new Random(seed * 1000 + lane))
    while (this.#report.seconds < seconds && !this.#report.stopped) {
      this.#quiet = Math.min(this.#report.seconds + ROUND_S, seconds)
      const all = lanes.map((images, lane) => this.#lane(images, randoms[lane] ?? new Random(lane)))
      await Promise.all([...all, this.#readEverything()])
      await this.#lookAtAll()
    }
    this.#report.note(`${this.#records.length} records in the log`)
    const problems = await checkAfterwards(this.#root, this.#world, { tools: true })
    if (problems.length > 0) this.#fail('the end', problems)
    if (this.#report.failures.length === 0) rmSync(this.#history)
    else this.#report.note(`what each process was told: ${this.#history}`)
  }

  /** Images of one lane: their lowest layers are everybody's, so that what one removes another one needs. */
  async #serve(lane: number): Promise<readonly Served[]> {
    const images = Array.from({ length: IMAGES }, (_, image) =>
      this.#world.serve(`lane${lane}/app:${image}`, {
        layers: [{ seed: `everybody-${image}`, bytes: 20_000 }, { seed: `half-${lane % 2}` }, {}],
      }),
    )
    return Promise.all(images)
  }

  async #lane(images: readonly Served[], random: Random): Promise<void> {
    while (this.#report.seconds < this.#quiet && !this.#report.stopped) {
      const some = random.shuffled(images).slice(0, 1 + random.below(2))
      const verb = random.pick(['pull', 'pull', 'pull', 'rm', 'rm', 'ls', 'verify', 'gc'])
      if (verb === 'pull') await this.#change(['pull', ...AMD64], some, { wanted: true, random })
      else if (verb === 'rm') await this.#change(['rm'], some, { wanted: false, random })
      else await this.#look(verb, random)
    }
  }

  async #change(
    words: readonly string[],
    images: readonly Served[],
    { wanted, random }: { wanted: boolean; random: Random },
  ): Promise<void> {
    const changes = images.map(({ reference, value }): Change => ({ reference, value: wanted ? value : ABSENT }))
    const intent = this.#oracle.intend(changes)
    const argv = [...words, ...images.map(({ reference }) => reference)]
    const { exitCode, stderr } = await this.#disturbed(argv, random)
    // 3: some of the names to be removed were not there; the others are gone.
    if (exitCode === 0 || (exitCode === 3 && !wanted)) this.#oracle.acknowledge(intent)
    else if (exitCode !== null) this.#fail(argv.join(' '), [`I10: it ended with ${exitCode}: ${stderr}`])
  }

  async #look(verb: string, random: Random): Promise<void> {
    const { exitCode, stdout, stderr } = await this.#disturbed([verb], random)
    // 3: there is no cache yet.
    if (exitCode === 0 || exitCode === null || exitCode === 3) return
    this.#fail(verb, [`it ended with ${exitCode}: ${stdout}${stderr}`])
  }

  /** Kills one in five at some moment, and stops one in ten for up to three seconds. Null: killed. */
  async #disturbed(
    argv: readonly string[],
    random: Random,
  ): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
    const { child, ended } = startHearth([...argv, '--cache', this.#root], { env: this.#world.env })
    const [when, fate, pause] = [random.below(900), random.next(), random.below(3000)]
    const over = new AbortController()
    let killed = false
    const fates = (async () => {
      if (fate > 0.3) return
      await sleep(when, undefined, { signal: over.signal })
      if (fate < 0.2) {
        killed = child.kill('SIGKILL')
        return
      }
      child.kill('SIGSTOP')
      // Even when it is over: a stopped process is not.
      await sleep(pause)
      child.kill('SIGCONT')
    })().catch(() => undefined)
    const result = await ended
    over.abort()
    await fates
    this.#report.count(`${argv[0]}: ${result.exitCode === null ? 'killed' : result.exitCode}`)
    // Ctrl-C reaches it as well.
    if (this.#report.stopped) return { ...result, exitCode: null }
    if (result.exitCode === null && !killed) this.#fail(argv.join(' '), ['it hung until it was killed'])
    return result
  }

  /** As a backup would: reading LevelDB's files must take no lock away from anybody. */
  async #readEverything(): Promise<void> {
    while (this.#report.seconds < this.#quiet && !this.#report.stopped) {
      await sleep(500)
      for (const path of readdirIfAny(this.#root)) readIfAny(join(this.#root, path))
    }
  }

  async #lookAtAll(): Promise<void> {
    this.#report.count('looks at everything')
    const problems = checkLayout(this.#root, this.#oracle)
    problems.push(...(await recoverAndCheck(this.#root, this.#oracle, { before: this.#records })))
    this.#records = await readHistory(this.#root)
    if (problems.length > 0) this.#fail(`the look after ${this.#report.seconds.toFixed(0)} s`, problems)
  }

  #fail(trial: string, problems: readonly string[]): void {
    const { seed, seconds } = this.#options
    this.#report.fail({
      problems,
      trial,
      replay: `npm run crash -- processes --seed ${seed} --seconds ${seconds}, though never the same twice`,
    })
  }
}

function readdirIfAny(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
  } catch {
    return []
  }
}

/** Files come and go meanwhile. */
function readIfAny(path: string): void {
  try {
    if (statSync(path).isFile()) readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
