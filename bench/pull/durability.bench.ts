/** Question: what does it cost that every blob is on the disk before its image counts? */
import { benchArguments } from '../support/arguments.js'
import { contest } from '../support/contest.js'
import { hearthPull } from '../support/contestants.js'
import { APPLICATIONS, manyImages } from '../support/many-images.js'
import { reportStandings, reportVerdicts } from '../support/report.js'
import { onStage } from '../support/stage.js'
import { judge, standingOf } from '../support/target.js'

const BENCH = 'pull/durability'
const run = benchArguments({ rounds: 9, quickRounds: 1 })
const images = manyImages(run.quick ? 5 : 40, APPLICATIONS)

await onStage({ images }, async (options) => {
  const full = hearthPull('full', ['--durability', 'full'], options)
  const relaxed = hearthPull('relaxed', ['--durability', 'relaxed'], options)
  const standings = await contest([relaxed, full], run)
  const title = `${images.length} images, cold, durability full`
  reportStandings(BENCH, `${images.length} images, cold, by durability`, standings)
  const target = { work: title, against: 'relaxed', bound: 'at most', value: 1.15, unit: 'x the time' } as const
  reportVerdicts(BENCH, judge(target, standingOf(standings, 'full').ratio))
})
