/**
 * Bit rot: every file of a cache is damaged in every way. `verify` has to find it, unless it changes nothing that anybody
 * can see; what `inspect` says is right or an error; and `pull` makes damaged blobs whole again.
 */
import { type InspectedNode, isHearthError, openCache } from '../../src/index.js'
import { checkLayout, readHistory } from './support/check.js'
import { DAMAGES, type Damage, damage } from './support/damage.js'
import { everyFile, ownEntries, readLayout } from './support/layout.js'
import type { CrashOptions } from './support/options.js'
import { Oracle } from './support/oracle.js'
import { Random } from './support/random.js'
import { Report } from './support/report.js'
import { AMD64 } from './support/templates.js'
import { copyFolder, hearthHere, type Served, World } from './support/world.js'

/** Nothing in these is believed by anyone. */
const IGNORED = /\.lock$|\/LOCK$|\/LOG(\.old)?$|\/reserve$/

interface Trial {
  readonly path: string
  readonly how: Damage
  readonly seed: number
}

export async function rot(options: CrashOptions): Promise<number> {
  const report = new Report(`bit rot (seed ${options.seed})`)
  const world = await World.open()
  try {
    await new Rot(world, report, await serve(world)).run(options)
  } finally {
    await world.close()
  }
  return report.end()
}

async function serve(world: World): Promise<readonly Served[]> {
  const base = { seed: 'base', everyPlatform: true, bytes: 9000 }
  return [
    await world.serve('app:1', { layers: [base, { seed: 'one' }] }),
    await world.serve('app:2', { layers: [base, { seed: 'two', bytes: 5000 }] }),
  ]
}

/** These say nothing that is not also in the log: `verify --repair` makes each of them anew. */
const MENDED = ['.hearth/format.json', '.hearth/materialised.json', 'index.json', 'oci-layout']

/** What a user sees of a cache, to be compared with what it was. */
interface View {
  readonly history: string
  readonly layout: string
  /** Each blob that `inspect` calls present. */
  readonly inspected: ReadonlySet<string>
}

class Rot {
  readonly #report: Report
  readonly #images: readonly Served[]
  readonly #template: string
  readonly #root: string

  constructor(world: World, report: Report, images: readonly Served[]) {
    this.#report = report
    this.#images = images
    this.#template = world.path('template')
    this.#root = world.path('cache')
  }

  async run({ seed, points, only = '', replay }: CrashOptions): Promise<void> {
    await this.#pull(this.#template)
    // A few more records, some of them in a table by now and some in the write-ahead log.
    const [first, second] = this.#images.map(({ reference }) => reference)
    await hearthHere(['rm', String(second), '--cache', this.#template])
    await this.#pull(this.#template)
    const before = await this.#view(this.#template, String(first))
    const random = new Random(seed)
    const paths = everyFile(this.#template).filter((path) => !IGNORED.test(path) && path.includes(only))
    if (paths.length === 0) throw new TypeError(`no file is called ${only}`)
    this.#report.note(`${paths.length} files: ${new Set(paths.map(kindOf)).size} kinds`)
    for (const trial of replay ? [replayed(replay)] : chosen(paths, random, points)) {
      if (this.#report.stopped) return
      await this.#trial(trial, before)
    }
  }

  async #trial({ path, how, seed }: Trial, before: View): Promise<void> {
    copyFolder(this.#template, this.#root)
    const random = new Random(seed)
    const silent = random.chance(0.5)
    const others = random.shuffled(
      everyFile(this.#root).filter((other) => other !== path && kindOf(other) === kindOf(path)),
    )
    if (!damage(this.#root, path, how, { others, silent, random })) return
    this.#report.count('damages')
    const problems = await this.#problems({ path, how, seed }, before, silent)
    if (problems.length === 0) return
    this.#report.fail({
      problems,
      trial: `${how} of ${path}${silent ? ', its times unchanged' : ''}`,
      replay: `npm run crash -- rot --replay '${path}:${how}:${seed}'`,
    })
  }

  async #problems({ path, how }: Trial, before: View, silent: boolean): Promise<readonly string[]> {
    const problems: string[] = []
    const found = await this.#verify()
    if (found === 'another version') return this.#refused(path)
    for (const blob of await inspectAll(this.#root, this.#images)) {
      if (!before.inspected.has(blob)) problems.push(`inspect shows what never was there: ${blob}`)
    }
    if (typeof found === 'string') problems.push(found)
    else if (found) this.#report.count('found by verify')
    else if (await this.#looksAs(before)) this.#report.count('that change nothing one can see')
    else problems.push('verify does not find it')
    // What looks untouched is believed: that is what verify is for. Swapped files keep their own times.
    if (how === 'no rights') problems.push(...(await this.#repair('rights given back')))
    else if (found === true && MENDED.includes(path)) problems.push(...(await this.#remake()))
    else if (path.startsWith('blobs/') && (!silent || how === 'delete') && how !== 'swap')
      problems.push(...(await this.#heal()))
    return problems
  }

  /** Whether it finds anything; a text when it cannot say what is wrong with this very file. */
  async #verify(): Promise<boolean | string> {
    try {
      return (await hearthHere(['verify', '--cache', this.#root])) !== 0
    } catch (error) {
      if (isHearthError(error, 'FORMAT_UNSUPPORTED')) return 'another version'
      const isNamed = isHearthError(error) && error.code !== 'INTERNAL' && error.code !== 'LAYOUT_INVALID'
      return isNamed ? true : `verify fails: ${error}`
    }
  }

  /** A single bit makes another version of format.json, which is then left alone: it may be a newer hearth's. */
  #refused(path: string): readonly string[] {
    this.#report.count('taken for a newer version, and left alone')
    return path === '.hearth/format.json' ? [] : [`${path} says nothing of a version`]
  }

  /** Where index.json speaks of records that the log has not, nobody can say which of the two is damaged: that takes a rebuild. */
  async #remake(): Promise<string[]> {
    await hearthHere(['verify', '--repair', '--cache', this.#root])
    this.#report.count('files made anew')
    return (await this.#verify()) ? await this.#repair('of them with the log', '--rebuild') : []
  }

  /** Root reads it all the same. To anybody else it is lost until `verify --repair` gives the owner back its right. */
  async #repair(counted: string, ...more: readonly string[]): Promise<string[]> {
    const exitCode = await hearthHere(['verify', '--repair', ...more, '--cache', this.#root])
    const left = await this.#verify()
    this.#report.count(counted)
    return left ? [`verify --repair ends with ${exitCode}, and verify still finds: ${left}`] : []
  }

  async #heal(): Promise<string[]> {
    const oracle = new Oracle()
    oracle.holds(this.#images.map(({ reference, value }) => ({ reference, value })))
    try {
      const exitCode = await this.#pull(this.#root)
      const problems = exitCode === 0 ? checkLayout(this.#root, oracle) : [`pull ends with ${exitCode}`]
      if (problems.length === 0) this.#report.count('blobs made whole by pull')
      return problems.map((problem) => `after the pull: ${problem}`)
    } catch (error) {
      return [`pull fails: ${error instanceof Error ? error.stack : error}`]
    }
  }

  async #looksAs(before: View): Promise<boolean> {
    const [first] = this.#images
    const now = await this.#view(this.#root, String(first?.reference))
    return now.history === before.history && now.layout === before.layout
  }

  async #view(root: string, reference: string): Promise<View> {
    const layout = readLayout(root)
    const inspected = await inspectAll(root, this.#images)
    const history = JSON.stringify(await readHistory(root))
    const names = JSON.stringify([...ownEntries(layout)])
    return { history, layout: `${names} ${[...layout.sound.keys()].sort()} ${layout.problems} ${reference}`, inspected }
  }

  async #pull(root: string): Promise<number> {
    return await hearthHere(['pull', '--cache', root, ...AMD64, ...this.#images.map(({ reference }) => reference)])
  }
}

/** Every blob that `inspect` calls present; fewer when it refuses, or when a manifest is not there. */
async function inspectAll(root: string, images: readonly Served[]): Promise<ReadonlySet<string>> {
  const cache = await openCache({ path: root })
  const seen = new Set<string>()
  for (const { reference } of images) {
    try {
      collect((await cache.inspect(reference)).root, seen)
    } catch (error) {
      if (!isHearthError(error)) throw error
    }
  }
  await cache.close()
  return seen
}

function collect({ descriptor, present, children }: InspectedNode, seen: Set<string>): void {
  if (present) seen.add(`${descriptor.digest} of ${descriptor.size} bytes`)
  for (const child of children) collect(child, seen)
}

function chosen(paths: readonly string[], random: Random, points: number): Trial[] {
  const trials: Trial[] = []
  while (trials.length < points) {
    const round = paths.flatMap((path) => DAMAGES.map((how) => ({ path, how, seed: random.below(2 ** 31) })))
    trials.push(...random.shuffled(round))
  }
  return trials.slice(0, points)
}

function replayed(words: string): Trial {
  const [path = '', how, seed] = words.split(':')
  const known = DAMAGES.find((one) => one === how)
  if (known === undefined) throw new TypeError(`no such trial: ${words}`)
  return { path, how: known, seed: Number(seed) }
}

function kindOf(path: string): string {
  if (path.startsWith('blobs/')) return 'blob'
  return path.replace(/\d{6}/, 'N')
}
