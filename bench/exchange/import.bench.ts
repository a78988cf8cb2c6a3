/** Question: how fast does an image of 5 GiB come out of an OCI archive into an empty cache, against skopeo into a layout? */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { benchArguments } from '../support/arguments.js'
import { type Contestant, contest, onPath } from '../support/contest.js'
import { CLI, folderOf, hearthPull } from '../support/contestants.js'
import { measure } from '../support/measure.js'
import { reportStandings, reportVerdicts } from '../support/report.js'
import { onStage } from '../support/stage.js'
import { judge, megabytes, standingOf } from '../support/target.js'

const BENCH = 'exchange/import'
const MIB = 1024 * 1024
const LAYERS = 5
const run = benchArguments({ rounds: 3, quickRounds: 1 })
const mebibytes = run.quick ? 16 : 1024
const layers = Array.from({ length: LAYERS }, () => ({ bytes: mebibytes * MIB, streamed: true }))

// Needs four times the image's size: skopeo takes the archive apart first, and then copies a layout.
await onStage(
  { images: [{ repository: 'bench/large', tag: 'v1', layers }] },
  async ({ folder, registry, references }) => {
    await contest([hearthPull('cache', [], { folder, references })], { rounds: 1, quick: true })
    await registry.stop()
    const [cache, archive, [name = '']] = [folderOf('cache', { folder }), join(folder, 'image.tar'), references]
    await measure([process.execPath, CLI, 'export', '--quiet', '--cache', cache, '-o', archive, name])
    await rm(cache, { recursive: true })
    const reader = (tool: string, command: (into: string) => readonly string[] | undefined): Contestant => {
      const into = join(folder, `into-${tool}`)
      return { name: tool, command: command(into), prepare: () => rm(into, { recursive: true, force: true }) }
    }
    const ours = reader('hearth', (into) => [process.execPath, CLI, 'import', '--quiet', '--cache', into, archive])
    const skopeo = reader('skopeo', (into) => {
      const program = onPath('skopeo')
      const words = ['--insecure-policy', 'copy', '--quiet', `oci-archive:${archive}:${name}`, `oci:${into}:${name}`]
      return program === undefined ? undefined : [program, ...words]
    })
    const standings = await contest([ours, skopeo], run)
    const work = `import of ${LAYERS} layers of ${mebibytes} MiB`
    reportStandings(BENCH, `${work} from an OCI archive`, standings)
    const peak = megabytes(standingOf(standings, 'hearth').peakMiB)
    reportVerdicts(
      BENCH,
      judge({ work, against: 'skopeo', bound: 'at least', value: 1, unit: 'x' }, standingOf(standings, 'skopeo').ratio),
      judge({ work: `peak memory, ${work}`, against: '-', bound: 'at most', value: 200, unit: ' MB' }, peak),
    )
  },
)
