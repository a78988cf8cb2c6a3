/** Question: does the memory of a pull depend on the size of a layer? */
import { benchArguments } from '../support/arguments.js'
import { contest, type Standing } from '../support/contest.js'
import { hearthPull } from '../support/contestants.js'
import { reportStandings, reportVerdicts } from '../support/report.js'
import { onStage } from '../support/stage.js'
import { judge, megabytes } from '../support/target.js'

const BENCH = 'pull/memory'
const MIB = 1024 * 1024
// A peak is a peak: two runs show whether it is one of the machine's.
const run = benchArguments({ rounds: 2, quickRounds: 1 })
const [small, large] = run.quick ? [16, 160] : [1024, 10 * 1024]

// The large layer is made while it is sent, but the cache keeps it: 10 GiB of disk for as long as this takes.
const standings = [await pullOne(small), await pullOne(large)]
reportStandings(BENCH, 'Peak memory of hearth by the size of the only layer', standings)
const target = { against: '-', bound: 'at most', unit: ' MB', value: 200 } as const
reportVerdicts(
  BENCH,
  ...standings.map(({ name, peakMiB }) => judge({ ...target, work: `peak memory, ${name}` }, megabytes(peakMiB))),
)

async function pullOne(mebibytes: number): Promise<Standing> {
  const layers = [{ seed: `layer-${mebibytes}`, bytes: mebibytes * MIB, streamed: true }]
  return await onStage({ images: [{ repository: 'bench/large', tag: 'v1', layers }] }, async (options) => {
    const [standing] = await contest([hearthPull(`layer of ${mebibytes} MiB`, [], options)], { ...run, quick: true })
    if (standing === undefined) throw new TypeError('a contest gives a standing for each contestant')
    return standing
  })
}
