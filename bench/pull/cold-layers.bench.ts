/** Question: how fast does one image with large layers arrive in an empty cache, against the tools that people use? */
import { benchArguments } from '../support/arguments.js'
import { contest, type Standing } from '../support/contest.js'
import { hearthPull, peers } from '../support/contestants.js'
import { reportStandings, reportVerdicts } from '../support/report.js'
import { onStage } from '../support/stage.js'
import { judge, standingOf, type Verdict } from '../support/target.js'

const MIB = 1024 * 1024
const run = benchArguments({ rounds: 5, quickRounds: 1 })
const scale = run.quick ? 8 : 1
const SHAPES = [
  { name: '1 layer of 1 GiB', layers: [1024], faster: 1.2 },
  { name: '8 layers of 96 MiB', layers: Array.from({ length: 8 }, () => 96), faster: 1 },
].map(({ name, ...shape }) => ({ ...shape, name: run.quick ? `${name}, divided by ${scale}` : name }))

for (const { name, layers, faster } of SHAPES) {
  const images = [
    {
      repository: 'bench/large',
      tag: 'v1',
      layers: layers.map((size, at) => ({ seed: `${name}-${at}`, bytes: (size * MIB) / scale, streamed: true })),
    },
  ]
  await onStage({ images }, async (options) => {
    const relaxed = hearthPull('hearth --durability relaxed', ['--durability', 'relaxed'], options)
    const standings = await contest([hearthPull('hearth', [], options), relaxed, ...peers(options)], run)
    const bench = `pull/cold-layers: ${name}`
    reportStandings(bench, `${name}, loopback registry`, standings)
    reportVerdicts(bench, ...verdicts(name, faster, standings))
  })
}

function verdicts(name: string, faster: number, standings: readonly Standing[]): Verdict[] {
  const [hearth, crane] = [standingOf(standings, 'hearth'), standingOf(standings, 'crane')]
  const target = { work: `${name}, loopback`, against: 'crane', unit: 'x' } as const
  const cpu = crane.cpuSeconds && (hearth.cpuSeconds ?? 0) / crane.cpuSeconds
  return [
    judge({ ...target, bound: 'at least', value: faster }, crane.ratio),
    judge({ ...target, work: `CPU for ${name}`, bound: 'at most', value: 1.3 }, cpu),
  ]
}
