/** Question: how fast does one large layer arrive when each connection brings only 25 MB/s, as registries far away do? */
import { benchArguments } from '../support/arguments.js'
import { contest } from '../support/contest.js'
import { hearthPull, peers } from '../support/contestants.js'
import { reportStandings, reportVerdicts } from '../support/report.js'
import { onStage } from '../support/stage.js'
import { judge, standingOf } from '../support/target.js'

const BENCH = 'pull/slow-connections'
const MIB = 1024 * 1024
const run = benchArguments({ rounds: 5, quickRounds: 1 })
const mebibytes = run.quick ? 64 : 1024
const images = [{ repository: 'bench/large', tag: 'v1', layers: [{ bytes: mebibytes * MIB, streamed: true }] }]

await onStage({ images, options: { bytesPerSecond: 25_000_000 } }, async (options) => {
  // One of the others is enough: all of them take one connection for a layer, and wait most of the time.
  const crane = peers(options).filter(({ name }) => name === 'crane')
  const standings = await contest([hearthPull('hearth', [], options), ...crane], run)
  const title = `1 layer of ${mebibytes} MiB, 25 MB/s per connection`
  reportStandings(BENCH, title, standings)
  const target = { work: title, against: 'crane', bound: 'at least', value: 4, unit: 'x' } as const
  reportVerdicts(BENCH, judge(target, standingOf(standings, 'crane').ratio))
})
