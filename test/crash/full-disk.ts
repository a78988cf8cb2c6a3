/**
 * A disk that is really full: a small tmpfs which somebody else fills up in the middle of a pull. The pull has to end with
 * NO_SPACE and say how many bytes it needed and how many are free, what was there before has to be whole, `gc` and `rm` have to
 * work on the full disk, and once there is room the same pull has to succeed without any repair. Before that, the same pull is
 * tried while there is clearly no room for it: it has to be refused before it fetches a byte.
 */
import type { ImageSpec } from '../support/an-image.js'
import { type Ended, hearth } from '../support/hearth.js'
import { delayed, stallAfter } from '../support/raw-steps.js'
import { checkLayout } from './support/check.js'
import type { CrashOptions } from './support/options.js'
import { ABSENT, Oracle } from './support/oracle.js'
import { Random } from './support/random.js'
import { recoverAndCheck } from './support/recovery.js'
import { Report } from './support/report.js'
import { AMD64 } from './support/templates.js'
import { TightDisk } from './support/tight-disk.js'
import { copyFolder, hearthHere, type Served, World } from './support/world.js'

const MIB = 1024 * 1024
/** hearth keeps 64 MiB free: with less there is no pull to be interrupted. */
const DISK_MIB = 96
const KEPT_FREE = 64 * MIB

/** Blobs come to the disk in three ways: staged in groups, on the calling thread, and in a worker. */
const KINDS: Readonly<Record<string, ImageSpec>> = {
  tiny: { layers: Array.from({ length: 40 }, (_, at) => ({ seed: `tiny-${at}`, bytes: 10_000 })) },
  medium: {
    layers: [
      { seed: 'medium', bytes: 3 * MIB },
      { seed: 'beside', bytes: MIB / 2 },
    ],
  },
  large: {
    layers: [
      { seed: 'large', bytes: 12 * MIB },
      { seed: 'beside', bytes: MIB / 2 },
    ],
  },
}
/** When the disk fills up: before the first byte of a layer, or before its last one, which leaves it to the log and index.json. */
type When = 'early' | 'late'
/** So much at most is left in the end. */
const LATE = 128 * 1024

export async function fullDisk(options: CrashOptions): Promise<number> {
  const report = new Report(`a full disk (seed ${options.seed})`)
  const world = await World.open()
  const disk = TightDisk.mount(world.path('disk'), DISK_MIB)
  try {
    if (disk === undefined) report.note('not run: no tmpfs can be mounted here')
    else await new FullDisk(world, disk, report).run(options)
  } finally {
    disk?.unmount()
    await world.close()
  }
  return report.end()
}

interface Trial {
  readonly trial: string
  readonly when: When
  /** What is left free then. */
  readonly bytes: number
}

interface Scene {
  /** In the cache, and pinned. */
  readonly kept: Served
  /** In the cache, and to be evicted. */
  readonly old: Served
  /** What is pulled while the disk fills up. */
  readonly image: Served
  readonly oracle: Oracle
}

class FullDisk {
  readonly #world: World
  readonly #report: Report
  readonly #disk: TightDisk
  readonly #root: string

  constructor(world: World, disk: TightDisk, report: Report) {
    this.#world = world
    this.#report = report
    this.#disk = disk
    this.#root = disk.root
  }

  async run({ seed, points, replay }: CrashOptions): Promise<void> {
    const kept = await this.#world.serve('kept:1', { layers: [{ seed: 'base', bytes: 9000 }] })
    const old = await this.#world.serve('old:1', {
      layers: [
        { seed: 'base', bytes: 9000 },
        { seed: 'old', bytes: MIB },
      ],
    })
    const template = this.#world.path('template')
    await hearthHere(['pull', ...AMD64, kept.reference, old.reference, '--cache', template])
    await hearthHere(['pin', kept.reference, '--cache', template])
    const [random, images] = [new Random(seed), new Map<string, Served>()]
    for (const [kind, spec] of Object.entries(KINDS)) images.set(kind, await this.#world.serve(`${kind}:1`, spec))
    const words = Array.from({ length: points }, () => {
      const kind = random.pick([...images.keys()])
      const bytes = bytesOf(images.get(kind))
      return random.chance(0.5) ? `${kind}:early:${random.below(bytes)}` : `${kind}:late:${random.below(LATE)}`
    })
    for (const trial of replay ? [replay] : words) {
      if (this.#report.stopped) return
      const [kind = '', when, bytes] = trial.split(':')
      const image = images.get(kind)
      if (image === undefined || (when !== 'early' && when !== 'late')) throw new TypeError(`no such trial: ${trial}`)
      copyFolder(template, this.#root)
      await this.#trial({ kept, old, image, oracle: holding(kept, old) }, { trial, when, bytes: Number(bytes) })
    }
  }

  async #trial(scene: Scene, { trial, when, bytes }: Trial): Promise<void> {
    const { oracle, image } = scene
    const problems: string[] = []
    try {
      problems.push(...(await this.#refusedBefore(scene)))
      const intent = oracle.intend([{ reference: image.reference, value: image.value }])
      const ended = await this.#pullWhileFilling(image, when, bytes)
      this.#report.count(ended.exitCode === 0 ? 'pulls that found room all the same' : 'pulls that met a full disk')
      if (ended.exitCode === 0) oracle.acknowledge(intent)
      else problems.push(...refusal(ended))
      problems.push(...checkLayout(this.#root, oracle), ...(await this.#onTheFullDisk(scene)))
      this.#disk.makeRoom()
      problems.push(...(await this.#withRoomAgain(scene)))
    } catch (error) {
      problems.push(`${error instanceof Error ? error.stack : error}`)
    } finally {
      this.#disk.makeRoom()
    }
    if (problems.length > 0) this.#fail(`${bytes} bytes left free, ${when} in a pull`, problems, trial)
  }

  /** What would not fit is refused before anything of it is fetched, with the very numbers. */
  async #refusedBefore({ image, oracle }: Scene): Promise<readonly string[]> {
    this.#disk.fill(KEPT_FREE + bytesOf(image) / 2)
    const free = this.#disk.free()
    this.#world.registry.requests.length = 0
    const ended = await hearth(['pull', '--json', ...AMD64, image.reference, '--cache', this.#root])
    const problems = [...refusal(ended), ...checkLayout(this.#root, oracle)]
    const told = { needed: numberIn(ended.stdout, 'needed'), free: numberIn(ended.stdout, 'free') }
    if (told.needed !== bytesOf(image)) problems.push(`it needs ${bytesOf(image)} bytes, and says ${told.needed}`)
    if (Math.abs(Number(told.free) - free) > MIB) problems.push(`${free} bytes are free, and it says ${told.free}`)
    const layers = image.image.platforms.get('linux/amd64')?.layers ?? []
    const asked = this.#world.registry.blobRequests()
    if (layers.some(({ digest }) => asked.has(digest))) problems.push('it fetched layers that have no room')
    this.#disk.makeRoom()
    this.#report.count('pulls that were refused before')
    return problems
  }

  /** Images can be looked at, evicted and removed, and the room is given back. */
  async #onTheFullDisk({ kept, old, image, oracle }: Scene): Promise<readonly string[]> {
    const problems: string[] = []
    const succeeds = async (...argv: readonly string[]): Promise<void> => {
      const { exitCode, stdout, stderr } = await hearth([...argv, '--cache', this.#root])
      if (exitCode !== 0) problems.push(`${argv[0]} on a full disk ends with ${exitCode}: ${stdout}${stderr}`)
      problems.push(...checkLayout(this.#root, oracle))
    }
    await succeeds('ls')
    await succeeds('gc')
    const before = this.#disk.free()
    const evicting = oracle.intend([old, image].map(({ reference }) => ({ reference, value: ABSENT })))
    await succeeds('gc', '--keep-bytes', '1')
    oracle.acknowledge(evicting)
    if (this.#disk.free() < before + MIB / 2)
      problems.push(`gc on a full disk gave back ${this.#disk.free() - before} bytes`)
    const removing = oracle.intend([{ reference: kept.reference, value: ABSENT }])
    await succeeds('rm', '--force', kept.reference)
    oracle.acknowledge(removing)
    problems.push(...checkLayout(this.#root, oracle))
    return problems
  }

  /** The next pull needs no repair. */
  async #withRoomAgain({ kept, old, image, oracle }: Scene): Promise<readonly string[]> {
    const images = [kept, old, image]
    const pulling = oracle.intend(images.map(({ reference, value }) => ({ reference, value })))
    const names = images.map(({ reference }) => reference)
    const { exitCode, stderr } = await hearth(['pull', ...AMD64, ...names, '--cache', this.#root])
    const problems = exitCode === 0 ? [] : [`with room again, the pull ends with ${exitCode}: ${stderr}`]
    oracle.acknowledge(pulling)
    problems.push(...checkLayout(this.#root, oracle), ...(await recoverAndCheck(this.#root, oracle, { before: [] })))
    if ((await hearthHere(['verify', '--cache', this.#root])) !== 0) problems.push('verify finds something to repair')
    return problems
  }

  /** After all looks at the free space. */
  async #pullWhileFilling({ reference, image }: Served, when: When, bytes: number): Promise<Ended> {
    const { registry } = this.#world
    const layers = image.platforms.get('linux/amd64')?.layers ?? []
    const [{ digest, size } = { digest: undefined, size: 0 }] = layers
    const match = { kind: 'blob', ...(digest && { digest }) } as const
    const asked =
      when === 'early'
        ? registry.nextRequest(match)
        : Promise.all(layers.map((layer) => registry.nextRequest({ kind: 'blob', digest: layer.digest })))
    const filled = asked.then(() => this.#disk.fill(bytes))
    registry.script(match, when === 'early' ? delayed(filled) : stallAfter(size - 1, filled))
    return await hearth(['pull', '--json', ...AMD64, '--retries', '0', reference, '--cache', this.#root])
  }

  #fail(trial: string, problems: readonly string[], words: string): void {
    this.#report.fail({ trial, problems, replay: `npm run crash -- full-disk --replay ${words}` })
  }
}

function holding(...images: readonly Served[]): Oracle {
  const oracle = new Oracle()
  oracle.holds(images)
  return oracle
}

/** Of all blobs but the manifest, which is fetched before it is known what there is to fetch. */
function bytesOf(served: Served | undefined): number {
  const built = served?.image.platforms.get('linux/amd64')
  return built ? [built.config, ...built.layers].reduce((sum, { size }) => sum + size, 0) : 0
}

/** NO_SPACE, with the numbers that a user needs: for programs, and in the line for people. */
function refusal({ exitCode, stdout, stderr }: Ended): string[] {
  if (exitCode !== 8 || !stdout.includes('NO_SPACE')) return [`I10: exit code ${exitCode}: ${stdout}${stderr}`]
  return ['needed', 'free'].flatMap((name) => {
    const value = numberIn(stdout, name)
    if (value === undefined) return [`it does not say ${name}: ${stdout}`]
    return stderr.includes(`${value}`) ? [] : [`the line does not say ${name}, which is ${value}: ${stderr}`]
  })
}

function numberIn(json: string, name: string): number | undefined {
  const digits = new RegExp(`"${name}": (\\d+)`).exec(json)?.[1]
  return digits === undefined ? undefined : Number(digits)
}
