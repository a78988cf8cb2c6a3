/** Question: what does a pull that was killed at 90 % of a large layer cost when it runs again? */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SpawnedRegistry } from '../../test/support/spawn-registry.js'
import { benchArguments } from '../support/arguments.js'
import { CLI } from '../support/contestants.js'
import { measure, median } from '../support/measure.js'
import { reportFigures, reportVerdicts } from '../support/report.js'
import { onStage } from '../support/stage.js'
import { judge } from '../support/target.js'

const BENCH = 'pull/resume'
const MIB = 1024 * 1024
const { rounds, quick } = benchArguments({ rounds: 5, quickRounds: 1 })
const mebibytes = quick ? 128 : 1024
const layers = [{ bytes: mebibytes * MIB, streamed: true }]

await onStage({ images: [{ repository: 'bench/large', tag: 'v1', layers }] }, async (stage) => {
  const { registry, references } = stage
  const size = Object.values(registry.images[0]?.platforms ?? {})[0]?.bytes ?? 0
  const folder = join(stage.folder, 'cache')
  const command = [process.execPath, CLI, 'pull', '--quiet', '--cache', folder, ...references]
  const runs: { readonly cold: number; readonly again: number; readonly againMiB: number }[] = []
  for (let round = quick ? 1 : 0; round <= rounds; round++) {
    await rm(folder, { recursive: true, force: true })
    const cold = await measure(command)
    await rm(folder, { recursive: true, force: true })
    const { bytes: before } = await registry.counts()
    await killAt(Math.floor(size * 0.9), command, registry)
    const again = await measure(command)
    const { bytes: after } = await registry.counts()
    // What both runs got beyond what there is, some heads included.
    const againMiB = Math.max(0, after - before - size) / MIB
    if (round > 0) runs.push({ cold: cold.wallSeconds, again: again.wallSeconds, againMiB })
  }
  const [cold, again] = [median(runs.map((run) => run.cold)), median(runs.map((run) => run.again))]
  const againMiB = Math.max(...runs.map((run) => run.againMiB))
  const title = `killed at 90 % of ${mebibytes} MiB, run again`
  reportFigures(BENCH, title, [
    { n: runs.length, 'cold s': cold, 'again s': again, 'most MiB fetched again': againMiB },
  ])
  const target = { work: title, bound: 'at most' } as const
  reportVerdicts(
    BENCH,
    judge({ ...target, against: 'time of a cold pull', value: 0.25, unit: 'x' }, again / cold),
    judge({ ...target, against: 'bytes fetched again', value: 8, unit: ' MiB' }, againMiB),
  )
})

/** Runs the command until it has received so much, and kills it as a crash would. */
async function killAt(bytes: number, command: readonly string[], registry: SpawnedRegistry): Promise<void> {
  const [program = '', ...words] = command
  const { bytes: before } = await registry.counts()
  await registry.hangOnce(bytes)
  const child = spawn(program, words, { stdio: 'ignore' })
  const gone = once(child, 'exit')
  // No more than these bytes will come: once they are sent, a moment is enough to receive and write them.
  while ((await registry.counts()).bytes - before < bytes) await sleep(10)
  await sleep(500)
  child.kill('SIGKILL')
  await gone
}
