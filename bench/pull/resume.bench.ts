/** Question: what does a pull that was killed at 90 % of a large layer cost when it runs again? */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { INGEST_FOLDER } from '../../src/oci/image-layout.js'
import type { SpawnedRegistry } from '../../test/support/spawn-registry.js'
import { benchArguments } from '../support/arguments.js'
import { CLI } from '../support/contestants.js'
import { measure, median } from '../support/measure.js'
import { reportFigures, reportVerdicts } from '../support/report.js'
import { onStage } from '../support/stage.js'
import { judge } from '../support/target.js'

const BENCH = 'pull/resume'
const MIB = 1024 * 1024
/** Longer than a busy machine keeps a process waiting. */
const QUIET_MS = 1000
const { rounds, quick } = benchArguments({ rounds: 5, quickRounds: 1 })
const mebibytes = quick ? 128 : 1024
const layers = [{ bytes: mebibytes * MIB, streamed: true }]

interface Run {
  /** Seconds. */
  readonly cold: number
  readonly again: number
  /** What the registry sent beyond what there is: heads, and what connections bring that were cut short. */
  readonly coldMiB: number
  readonly againMiB: number
}

await onStage({ images: [{ repository: 'bench/large', tag: 'v1', layers }] }, async (stage) => {
  const { registry, references } = stage
  const size = Object.values(registry.images[0]?.platforms ?? {})[0]?.bytes ?? 0
  const folder = join(stage.folder, 'cache')
  const command = [process.execPath, CLI, 'pull', '--quiet', '--cache', folder, ...references]
  const sent = async (work: () => Promise<unknown>): Promise<number> => {
    const { bytes: before } = await registry.counts()
    await work()
    return (await registry.counts()).bytes - before
  }
  const runs: Run[] = []
  for (let round = quick ? 1 : 0; round <= rounds; round++) {
    const run = { cold: 0, again: 0, coldMiB: 0, againMiB: 0 }
    const pull = async (name: 'cold' | 'again') => (run[name] = (await measure(command)).wallSeconds)
    await rm(folder, { recursive: true, force: true })
    run.coldMiB = ((await sent(() => pull('cold'))) - size) / MIB
    await rm(folder, { recursive: true, force: true })
    const whole = await sent(async () => {
      await killAt(Math.floor(size * 0.9), { command, folder, registry })
      await pull('again')
    })
    run.againMiB = (whole - size) / MIB
    if (round > 0) runs.push(run)
  }
  const [cold, again] = [median(runs.map((run) => run.cold)), median(runs.map((run) => run.again))]
  const againMiB = Math.max(...runs.map((run) => run.againMiB))
  const title = `killed at 90 % of ${mebibytes} MiB, run again`
  reportFigures(BENCH, title, [
    {
      n: runs.length,
      'cold s': cold,
      'again s': again,
      'most surplus MiB, cold': Math.max(...runs.map((run) => run.coldMiB)),
      'most surplus MiB, killed and again': againMiB,
    },
  ])
  const target = { work: title, bound: 'at most' } as const
  reportVerdicts(
    BENCH,
    judge({ ...target, against: 'time of a cold pull', value: 0.25, unit: 'x' }, again / cold),
    judge({ ...target, against: 'bytes fetched again', value: 8, unit: ' MiB' }, againMiB),
  )
})

interface Killing {
  readonly command: readonly string[]
  readonly folder: string
  readonly registry: SpawnedRegistry
}

/** Runs the command until it has written so much, and kills it as a crash would. */
async function killAt(bytes: number, { command, folder, registry }: Killing): Promise<void> {
  const [program = '', ...words] = command
  await registry.limitBlobs(bytes)
  const child = spawn(program, words, { stdio: 'ignore' })
  const gone = once(child, 'exit')
  // No more than these bytes come. Once nothing moves any more, they are on the disk as far as they will ever be.
  const ingests = join(folder, INGEST_FOLDER)
  let [before, now] = [-1, 0]
  while (now === 0 || now !== before) {
    await sleep(QUIET_MS)
    before = now
    now = (await registry.counts()).bytes + (await blocksIn(ingests))
  }
  child.kill('SIGKILL')
  const [code] = await gone
  if (code !== null) throw new Error(`the pull ended with ${code} before it was killed`)
  await registry.limitBlobs()
}

async function blocksIn(folder: string): Promise<number> {
  if (!existsSync(folder)) return 0
  const names = await readdir(folder, { recursive: true })
  const blocks = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).blocks))
  return blocks.reduce((sum, own) => sum + own, 0)
}
