/** Question: how long does it take to open a log of 100,000 events, and one whose process was killed? */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { LevelEventLog } from '../../src/log/level-event-log.js'
import { benchArguments } from '../support/arguments.js'
import { median } from '../support/measure.js'
import { reportFigures, reportVerdicts } from '../support/report.js'
import { withFolder } from '../support/stage.js'
import { judge } from '../support/target.js'

const BENCH = 'log/recover'
const OPTIONS = { lockTimeoutMs: 60_000 }
const { rounds, quick } = benchArguments({ rounds: 9, quickRounds: 2 })
const count = quick ? 10_000 : 100_000

await withFolder(async (folder) => {
  const figures: { readonly log: string; readonly n: number; readonly 'median ms': number }[] = []
  for (const end of ['killed', 'closed'] as const) {
    const root = join(folder, end)
    await write(root, end)
    const times: number[] = []
    for (let round = 0; round <= rounds; round++) {
      // The first open tidies up what a kill left: each round needs the log as it was.
      const copy = join(folder, 'copy')
      await cp(root, copy, { recursive: true })
      const milliseconds = await open(copy)
      if (round > 0) times.push(milliseconds)
      await rm(copy, { recursive: true })
    }
    figures.push({ log: `${count} events, ${end}`, n: times.length, 'median ms': median(times) })
  }
  reportFigures(BENCH, 'Until a log is open, its end checked, and may be appended to', figures)
  const target = { work: `open and recover, ${count} events`, against: '-', bound: 'at most', value: 150 } as const
  reportVerdicts(BENCH, judge({ ...target, unit: ' ms' }, figures[0]?.['median ms']))
})

/** Fills a log in a process of its own: a kill leaves behind what LevelDB had not sorted yet. */
async function write(root: string, end: 'killed' | 'closed'): Promise<void> {
  const child = fork(new URL('../support/log-writer-process.js', import.meta.url), [root, `${count}`, end])
  const gone = once(child, 'exit')
  const [said] = await Promise.race([once(child, 'message'), gone])
  if (said !== 'written') throw new Error(`the writer of the log ended with ${said}`)
  if (end === 'killed') child.kill('SIGKILL')
  else child.disconnect()
  await gone
}

async function open(root: string): Promise<number> {
  const start = performance.now()
  const log = await LevelEventLog.open(root, OPTIONS)
  const position = await log.hold(async ({ head }) => head.position)
  const milliseconds = performance.now() - start
  await log.close()
  if (position !== count) throw new Error(`the log ends at ${position}, not ${count}`)
  return milliseconds
}
