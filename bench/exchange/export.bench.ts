/** Question: how fast is an image of 5 GiB written to an OCI archive, against skopeo reading the same cache? */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { benchArguments } from '../support/arguments.js'
import { type Contestant, contest, onPath } from '../support/contest.js'
import { CLI, folderOf, hearthPull } from '../support/contestants.js'
import { reportStandings, reportVerdicts } from '../support/report.js'
import { onStage } from '../support/stage.js'
import { judge, megabytes, standingOf } from '../support/target.js'

const BENCH = 'exchange/export'
const MIB = 1024 * 1024
const LAYERS = 5
const run = benchArguments({ rounds: 3, quickRounds: 1 })
const mebibytes = run.quick ? 16 : 1024
const layers = Array.from({ length: LAYERS }, () => ({ bytes: mebibytes * MIB, streamed: true }))

// Needs four times the image's size: skopeo puts a layout together first, and then an archive.
await onStage(
  { images: [{ repository: 'bench/large', tag: 'v1', layers }] },
  async ({ folder, registry, references }) => {
    const filled = hearthPull('cache', [], { folder, references })
    await contest([filled], { rounds: 1, quick: true })
    await registry.stop()
    const [cache, [name = '']] = [folderOf('cache', { folder }), references]
    const writer = (tool: string, command: (file: string) => readonly string[] | undefined): Contestant => {
      const file = join(folder, `${tool}.tar`)
      return { name: tool, command: command(file), prepare: () => rm(file, { force: true }) }
    }
    const ours = writer('hearth', (file) => [
      ...[process.execPath, CLI, 'export', '--quiet', '--cache', cache],
      ...['-o', file, name],
    ])
    const skopeo = writer('skopeo', (file) => {
      const program = onPath('skopeo')
      const words = ['--insecure-policy', 'copy', '--quiet', `oci:${cache}:${name}`, `oci-archive:${file}:${name}`]
      return program === undefined ? undefined : [program, ...words]
    })
    const standings = await contest([ours, skopeo], run)
    const work = `export of ${LAYERS} layers of ${mebibytes} MiB`
    reportStandings(BENCH, `${work} to an OCI archive`, standings)
    const peak = megabytes(standingOf(standings, 'hearth').peakMiB)
    reportVerdicts(
      BENCH,
      judge({ work, against: 'skopeo', bound: 'at least', value: 1, unit: 'x' }, standingOf(standings, 'skopeo').ratio),
      judge({ work: `peak memory, ${work}`, against: '-', bound: 'at most', value: 200, unit: ' MB' }, peak),
    )
  },
)
