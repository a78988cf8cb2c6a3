/** Question: what does a pull cost when everything is here: its names asked for again, and without the network? */
import { benchArguments } from '../support/arguments.js'
import { type Contestant, contest } from '../support/contest.js'
import { ALL_RIVALS, hearthPull, peers } from '../support/contestants.js'
import { APPLICATIONS, manyImages } from '../support/many-images.js'
import { reportStandings, reportVerdicts } from '../support/report.js'
import { onStage } from '../support/stage.js'
import { bestOf, judge, standingOf } from '../support/target.js'

const run = benchArguments({ rounds: 9, quickRounds: 2 })
// The round that is not counted fills the layouts: a quick run needs it, too.
const filled = { rounds: run.rounds, quick: false }
const images = manyImages(run.quick ? 5 : 40, APPLICATIONS)
const work = `${images.length} images already cached`

await onStage({ images }, async ({ folder, registry, references }) => {
  const options = { folder, references, start: 'kept' } as const
  const always = hearthPull('hearth --pull always', ['--pull', 'always'], options)
  const newer = hearthPull('hearth --pull newer', ['--pull', 'newer'], options)
  const asked = await contest([always, newer, ...peers(options)], filled)
  reportStandings('pull/cached: names re-checked', `${work}, names re-checked`, asked)
  const best = bestOf(asked, ALL_RIVALS)
  const faster = { work: `${work}, names re-checked`, bound: 'at least', value: 3, unit: 'x' } as const
  reportVerdicts(
    'pull/cached: names re-checked',
    judge({ ...faster, against: `always: ${best?.name ?? 'nobody'}` }, best?.ratio),
    judge(
      { ...faster, against: `newer: ${best?.name ?? 'nobody'}` },
      best && (best.medianSeconds ?? 0) / (standingOf(asked, newer.name).medianSeconds ?? 0),
    ),
  )

  const node: Contestant = { name: 'node -e 0', command: [process.execPath, '-e', '0'], prepare: async () => {} }
  const here = hearthPull('hearth', [], options)
  await contest([here], { rounds: 1, quick: true })
  // Nobody can have asked it anything from here on.
  await registry.stop()
  const alone = await contest([here, node], run)
  reportStandings('pull/cached: no network', `${work}, no network`, alone)
  const extra = (standingOf(alone, here.name).medianSeconds ?? 0) - (standingOf(alone, node.name).medianSeconds ?? 0)
  const top = { work: `${work}, no network`, against: 'node itself starting: on top' } as const
  reportVerdicts('pull/cached: no network', judge({ ...top, bound: 'at most', value: 0.15, unit: ' s' }, extra))
})
