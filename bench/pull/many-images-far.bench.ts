/** Question: how fast do many images that share layers arrive from a registry that is 50 ms away? */
import { benchArguments } from '../support/arguments.js'
import { contest } from '../support/contest.js'
import { hearthPull, parallelPeers, peers, RIVALS } from '../support/contestants.js'
import { startDelayProxy } from '../support/delay-proxy.js'
import { APPLICATIONS, manyImages } from '../support/many-images.js'
import { reportStandings, reportVerdicts } from '../support/report.js'
import { onStage } from '../support/stage.js'
import { bestOf, judge } from '../support/target.js'

const BENCH = 'pull/many-images-far'
const ROUND_TRIP_MS = 50
const run = benchArguments({ rounds: 5, quickRounds: 1 })
const images = manyImages(run.quick ? 5 : 40, APPLICATIONS)
const title = `${images.length} images, shared layers, cold, ${ROUND_TRIP_MS} ms round trip`

await onStage({ images }, async ({ folder, registry, references: near }) => {
  const proxy = await startDelayProxy(registry.host, ROUND_TRIP_MS)
  try {
    const references = near.map((reference) => reference.replace(registry.host, proxy.host))
    const options = { folder, references }
    const contestants = [hearthPull('hearth', [], options), ...peers(options), ...parallelPeers(8, options)]
    const standings = await contest(contestants, run)
    reportStandings(BENCH, title, standings)
    const best = bestOf(standings, RIVALS)
    const target = { work: title, against: best?.name ?? 'nobody', bound: 'at least', value: 8, unit: 'x' } as const
    reportVerdicts(BENCH, judge(target, best?.ratio))
  } finally {
    await proxy.close()
  }
})
