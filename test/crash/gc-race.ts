/**
 * A collector that runs every 100 ms, with budgets that evict nearly everything, beside eight processes that pull: no pull may
 * fail, every name has all its blobs at any moment, and what is pinned is never missed.
 */

import { collectUntil } from '../support/gc-loop.js'
import { hearth } from '../support/hearth.js'
import { checkAfterwards } from './support/afterwards.js'
import { checkLayout } from './support/check.js'
import type { CrashOptions } from './support/options.js'
import { Oracle } from './support/oracle.js'
import { Random } from './support/random.js'
import { Report } from './support/report.js'
import { AMD64 } from './support/templates.js'
import { hearthHere, type Served, World } from './support/world.js'

const LANES = 8
const IMAGES = 12
/** Between two looks at everything, when all pulls are done. */
const ROUND_S = 15

export async function gcRace(options: CrashOptions): Promise<number> {
  const report = new Report(`gc every 100 ms beside ${LANES} processes that pull (seed ${options.seed})`)
  const world = await World.open()
  try {
    await new Race(world, options, report).run()
  } finally {
    await world.close()
  }
  return report.end()
}

class Race {
  readonly #world: World
  readonly #options: CrashOptions
  readonly #report: Report
  readonly #root: string
  readonly #oracle = new Oracle()

  constructor(world: World, options: CrashOptions, report: Report) {
    this.#world = world
    this.#options = options
    this.#report = report
    this.#root = world.path('cache')
  }

  async run(): Promise<void> {
    const { seconds, seed } = this.#options
    const [pinned, ...images] = await this.#serve()
    if (pinned === undefined) throw new TypeError('there are images')
    await hearthHere(['pull', ...AMD64, pinned.reference, '--cache', this.#root])
    await hearthHere(['pin', pinned.reference, '--cache', this.#root])
    this.#oracle.holds([{ reference: pinned.reference, value: pinned.value }])
    // Whether a name is there when all is quiet, nobody can say; if it is, then whole.
    for (const { reference, value } of images) this.#oracle.intend([{ reference, value }])
    for (let round = 0; this.#report.seconds < seconds && !this.#report.stopped; round++) {
      const end = Math.min(this.#report.seconds + ROUND_S, seconds)
      let done = false
      const collecting = collectUntil(this.#root, { aborted: () => done })
      const lanes = Array.from({ length: LANES }, (_, lane) =>
        this.#lane(images, new Random((seed * 1000 + round) * LANES + lane), end),
      )
      await Promise.all(lanes)
      done = true
      const { runs, evicted, removedBlobs } = await collecting
      this.#report.count('collections', runs)
      this.#report.count('references evicted', evicted)
      this.#report.count('blobs removed', removedBlobs)
      this.#look(`the look after ${this.#report.seconds.toFixed(0)} s`, checkLayout(this.#root, this.#oracle))
    }
    this.#look('the end', await checkAfterwards(this.#root, this.#world, { tools: false }))
  }

  /** They share layers in groups, so that what one name loses another one needs. */
  #serve(): Promise<readonly Served[]> {
    const images = Array.from({ length: IMAGES }, (_, at) =>
      this.#world.serve(`app${at}:1`, {
        layers: [{ seed: 'everybody', bytes: 20_000 }, { seed: `third-${at % 3}`, bytes: 5000 }, {}],
      }),
    )
    return Promise.all(images)
  }

  async #lane(images: readonly Served[], random: Random, end: number): Promise<void> {
    while (this.#report.seconds < end && !this.#report.stopped) {
      const some = random.shuffled(images).slice(0, 1 + random.below(4))
      const argv = ['pull', ...AMD64, ...some.map(({ reference }) => reference), '--cache', this.#root]
      const { exitCode, stderr } = await hearth(argv, { env: this.#world.env })
      this.#report.count(`pull: ${exitCode}`)
      // Ctrl-C ends it as well.
      if (exitCode !== 0 && !this.#report.stopped) this.#look('a pull', [`it ended with ${exitCode}: ${stderr}`])
    }
  }

  #look(trial: string, problems: readonly string[]): void {
    const { seed, seconds } = this.#options
    if (problems.length === 0) return
    const replay = `npm run crash -- gc-race --seed ${seed} --seconds ${seconds}, though never the same twice`
    this.#report.fail({ problems, trial, replay })
  }
}
