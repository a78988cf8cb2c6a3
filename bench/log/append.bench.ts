/** Question: how many events a second become durable, by how many are appended at once? */
import { LevelEventLog } from '../../src/log/level-event-log.js'
import { openOrInit } from '../../src/materialise/fs-init.js'
import { blobCommitted } from '../../test/support/a-log.js'
import { benchArguments } from '../support/arguments.js'
import { median } from '../support/measure.js'
import { reportFigures, reportVerdicts } from '../support/report.js'
import { withFolder } from '../support/stage.js'
import { judge } from '../support/target.js'

const BENCH = 'log/append'
const OPTIONS = { lockTimeoutMs: 60_000 }
const { rounds, quick } = benchArguments({ rounds: 5, quickRounds: 1 })
/** What a pull of many images records at once. */
const TYPICAL = 100
const shapes = [
  { batch: 1, batches: 100 },
  { batch: 10, batches: 100 },
  { batch: TYPICAL, batches: 100 },
  { batch: 1000, batches: 20 },
].map(({ batch, batches }) => ({ batch, batches: quick ? batches / 10 : batches, speeds: [] as number[] }))

// Each round on a new log: an old one is larger.
for (let round = quick ? 1 : 0; round <= rounds; round++) {
  for (const { batch, batches, speeds } of shapes) {
    const perSecond = await withFolder((root) => append(root, batch, batches))
    if (round > 0) speeds.push(perSecond)
  }
}
const figures = shapes.map(({ batch, speeds }) => ({
  'events at once': batch,
  n: speeds.length,
  'events a second': Math.round(median(speeds)),
}))
reportFigures(BENCH, 'Durable events a second, each batch in a hold of its own', figures)
const target = { work: 'durable events, batched', against: '-', bound: 'at least', value: 10_000, unit: '/s' } as const
reportVerdicts(
  BENCH,
  judge(target, figures.find((figure) => figure['events at once'] === TYPICAL)?.['events a second']),
)

async function append(root: string, batch: number, batches: number): Promise<number> {
  await openOrInit(root, OPTIONS)
  const log = await LevelEventLog.open(root, OPTIONS)
  const events = Array.from({ length: batches }, (_, at) =>
    Array.from({ length: batch }, (_, within) => blobCommitted(`blob ${at} ${within}`)),
  )
  const start = performance.now()
  for (const group of events) await log.hold((held) => held.append(group))
  const seconds = (performance.now() - start) / 1000
  await log.close()
  return (batch * batches) / seconds
}
