/** Question: how fast do many images that share layers arrive in an empty cache, against the tools that people use? */
import { startDockerRegistry } from '../../test/support/docker-registry.js'
import { benchArguments } from '../support/arguments.js'
import { contest, onPath } from '../support/contest.js'
import { hearthPull, parallelPeers, peers, RIVALS } from '../support/contestants.js'
import { fillRegistry } from '../support/fill-registry.js'
import { APPLICATIONS, manyImages } from '../support/many-images.js'
import { reportStandings, reportVerdicts } from '../support/report.js'
import { onStage, withFolder } from '../support/stage.js'
import { bestOf, judge } from '../support/target.js'

const run = benchArguments({ rounds: 5, quickRounds: 1 })
const images = manyImages(run.quick ? 5 : 40, APPLICATIONS)
const work = `${images.length} images, shared layers, cold`

await onStage({ images }, async ({ folder, references }) => {
  await compare('pull/many-images', `${work}, loopback registry`, { folder, references })
})

// The same with a registry that people run: as a rule it, not the client, is what takes the time.
if (onPath('docker-registry') === undefined) {
  process.stderr.write('\ndocker-registry is absent: no run against it\n')
} else {
  const registry = await startDockerRegistry()
  try {
    const references = await fillRegistry(registry.host, images)
    await withFolder((folder) =>
      compare('pull/many-images: docker-registry', `${work}, docker-registry`, { folder, references }),
    )
  } finally {
    await registry.close()
  }
}

async function compare(
  bench: string,
  title: string,
  options: { readonly folder: string; readonly references: readonly string[] },
): Promise<void> {
  const contestants = [hearthPull('hearth', [], options), ...peers(options), ...parallelPeers(8, options)]
  const standings = await contest(contestants, run)
  reportStandings(bench, title, standings)
  const best = bestOf(standings, RIVALS)
  const target = { work: title, against: best?.name ?? 'nobody', bound: 'at least', value: 1.5, unit: 'x' } as const
  reportVerdicts(bench, judge(target, best?.ratio))
}
