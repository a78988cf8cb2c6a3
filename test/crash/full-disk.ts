/**
 * A disk that is really full: a small tmpfs which somebody else fills up in the middle of a pull. The pull has to end with
 * NO_SPACE and say how much is free, what was there before has to be whole, removing has to work, and once there is room the
 * same pull has to succeed without any repair.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Ended, hearth } from '../support/hearth.js'
import { delayed } from '../support/raw-steps.js'
import { checkLayout } from './support/check.js'
import type { CrashOptions } from './support/options.js'
import { ABSENT, Oracle } from './support/oracle.js'
import { Random } from './support/random.js'
import { recoverAndCheck } from './support/recovery.js'
import { Report } from './support/report.js'
import { AMD64 } from './support/templates.js'
import { copyFolder, hearthHere, type Served, World } from './support/world.js'

const MIB = 1024 * 1024
/** hearth keeps 64 MiB free: with less there is no pull to be interrupted. */
const DISK_MIB = 80

export async function fullDisk(options: CrashOptions): Promise<number> {
  const report = new Report(`a full disk (seed ${options.seed})`)
  const world = await World.open()
  const disk = world.path('disk')
  mkdirSync(disk)
  if (!mounted(disk)) {
    report.note('not run: no tmpfs can be mounted here')
    await world.close()
    return report.end()
  }
  try {
    await new FullDisk(world, disk, report).run(options)
  } finally {
    spawnSync('umount', [disk])
    await world.close()
  }
  return report.end()
}

function mounted(folder: string): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'tmpfs', folder]).status === 0
}

class FullDisk {
  readonly #world: World
  readonly #report: Report
  readonly #root: string
  readonly #ballast: string

  constructor(world: World, disk: string, report: Report) {
    this.#world = world
    this.#report = report
    this.#root = join(disk, 'cache')
    this.#ballast = join(disk, 'ballast')
  }

  async run({ seed, points, replay }: CrashOptions): Promise<void> {
    const small = await this.#world.serve('small:1', { layers: [{ seed: 'base' }] })
    const large = await this.#world.serve('large:1', { layers: [{ seed: 'base' }, { seed: 'large', bytes: 2 * MIB }] })
    const huge = await this.#world.serve('huge:1', { layers: [{ seed: 'huge', bytes: 20 * MIB }] })
    const template = this.#world.path('template')
    await hearthHere(['pull', ...AMD64, small.reference, '--cache', template])
    await this.#tooLarge(template, { small, huge })
    const random = new Random(seed)
    const free = replay ? [Number(replay)] : Array.from({ length: points }, () => random.below(3 * MIB))
    for (const bytes of free) {
      if (this.#report.stopped) return
      await this.#trial(template, { small, large, bytes })
    }
  }

  /** What does not fit is refused before it is fetched, with both numbers. */
  async #tooLarge(template: string, { small, huge }: { small: Served; huge: Served }): Promise<void> {
    copyFolder(template, this.#root)
    const oracle = holding(small)
    const ended = await hearth(['pull', '--json', ...AMD64, huge.reference, '--cache', this.#root])
    const problems = [...refusal(ended, ['needed', 'free']), ...checkLayout(this.#root, oracle)]
    if (problems.length > 0) this.#fail('an image that does not fit', problems, 0)
  }

  async #trial(
    template: string,
    { small, large, bytes }: { small: Served; large: Served; bytes: number },
  ): Promise<void> {
    copyFolder(template, this.#root)
    const oracle = holding(small)
    const intent = oracle.intend([{ reference: large.reference, value: large.value }])
    const ended = await this.#pullWhileFilling(large, bytes)
    this.#report.count(ended.exitCode === 0 ? 'pulls that found room all the same' : 'pulls that met a full disk')
    const problems = ended.exitCode === 0 ? [] : refusal(ended, ['free'])
    if (ended.exitCode === 0) oracle.acknowledge(intent)
    problems.push(...checkLayout(this.#root, oracle), ...(await this.#afterwards({ small, large, oracle })))
    if (problems.length > 0) this.#fail(`${bytes} bytes left free in the middle of a pull`, problems, bytes)
  }

  /** On the full disk, images can be removed; with room again, the pull succeeds. */
  async #afterwards({
    small,
    large,
    oracle,
  }: {
    small: Served
    large: Served
    oracle: Oracle
  }): Promise<readonly string[]> {
    const problems: string[] = []
    try {
      const removing = oracle.intend([{ reference: small.reference, value: ABSENT }])
      const exitCode = await hearthHere(['rm', small.reference, '--cache', this.#root])
      if (exitCode !== 0) problems.push(`rm on a full disk ends with ${exitCode}`)
      oracle.acknowledge(removing)
      problems.push(...checkLayout(this.#root, oracle))
      rmSync(this.#ballast)
      const pulling = oracle.intend([small, large].map(({ reference, value }) => ({ reference, value })))
      const again = await hearthHere(['pull', ...AMD64, small.reference, large.reference, '--cache', this.#root])
      if (again !== 0) problems.push(`with room again, the pull ends with ${again}`)
      oracle.acknowledge(pulling)
      return [
        ...problems,
        ...checkLayout(this.#root, oracle),
        ...(await recoverAndCheck(this.#root, oracle, { before: [] })),
      ]
    } catch (error) {
      return [...problems, `${error instanceof Error ? error.stack : error}`]
    } finally {
      rmSync(this.#ballast, { force: true })
    }
  }

  /** The disk fills up when the layer is asked for: after all looks at the free space, before the first byte. */
  async #pullWhileFilling({ reference, image }: Served, bytes: number): Promise<Ended> {
    const layer = image.platforms.get('linux/amd64')?.layers[1]?.digest
    const match = { kind: 'blob', ...(layer && { digest: layer }) } as const
    const filled = this.#world.registry.nextRequest(match).then(() => this.#fill(bytes))
    this.#world.registry.script(match, delayed(filled))
    return await hearth(['pull', '--json', ...AMD64, '--retries', '0', reference, '--cache', this.#root])
  }

  #fill(left: number): void {
    const { bavail, bsize } = statfsSync(this.#root)
    writeFileSync(this.#ballast, Buffer.alloc(Math.max(0, bavail * bsize - left)))
  }

  #fail(trial: string, problems: readonly string[], bytes: number): void {
    this.#report.fail({ trial, problems, replay: `npm run crash -- full-disk --replay ${bytes}` })
  }
}

function holding({ reference, value }: Served): Oracle {
  const oracle = new Oracle()
  oracle.holds([{ reference, value }])
  return oracle
}

/** NO_SPACE, with the numbers that a user needs. */
function refusal({ exitCode, stdout, stderr }: Ended, numbers: readonly string[]): string[] {
  const words = stdout + stderr
  if (exitCode !== 8 || !words.includes('NO_SPACE')) return [`I10: exit code ${exitCode}: ${words}`]
  return numbers
    .filter((name) => !new RegExp(`"${name}": \\d+`).test(words))
    .map((name) => `it does not say ${name}: ${words}`)
}
