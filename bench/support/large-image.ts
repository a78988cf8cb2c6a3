import type { BenchArguments } from './arguments.js'
import { type Contestant, contest, onPath, type Standing } from './contest.js'
import { CLI, folderOf, hearthPull } from './contestants.js'
import { onStage } from './stage.js'
import { judge, megabytes, standingOf, type Verdict } from './target.js'

const MIB = 1024 * 1024
const LAYERS = 5

export interface LargeImage {
  readonly folder: string
  /** hearth's cache, which holds the image and nothing else. */
  readonly cache: string
  readonly name: string
  /** How large it is, in words. */
  readonly size: string
}

/** Runs `work` with an image of 5 GiB in a cache (80 MiB in a quick run), and nothing else running. */
export async function withLargeImage(run: BenchArguments, work: (image: LargeImage) => Promise<void>): Promise<void> {
  const mebibytes = run.quick ? 16 : 1024
  const layers = Array.from({ length: LAYERS }, () => ({ bytes: mebibytes * MIB, streamed: true }))
  const images = [{ repository: 'bench/large', tag: 'v1', layers }]
  await onStage({ images }, async ({ folder, registry, references }) => {
    await contest([hearthPull('cache', [], { folder, references })], { rounds: 1, quick: true })
    await registry.stop()
    const size = `${LAYERS} layers of ${mebibytes} MiB`
    await work({ folder, cache: folderOf('cache', { folder }), name: references[0] ?? '', size })
  })
}

/** The command line of `hearth export` that writes the image into an OCI archive. */
export function exportTo(file: string, { cache, name }: LargeImage): readonly string[] {
  return [process.execPath, CLI, 'export', '--quiet', '--cache', cache, '-o', file, name]
}

/** skopeo copies between two places that it has names for. */
export function skopeoCopy(from: string, to: string, prepare: () => Promise<void>): Contestant {
  const program = onPath('skopeo')
  const words = ['--insecure-policy', 'copy', '--quiet', from, to]
  return { name: 'skopeo', command: program === undefined ? undefined : [program, ...words], prepare }
}

/** At least as fast as skopeo, in little memory. */
export function exchangeVerdicts(work: string, standings: readonly Standing[]): Verdict[] {
  const peak = megabytes(standingOf(standings, 'hearth').peakMiB)
  const { ratio } = standingOf(standings, 'skopeo')
  return [
    judge({ work, against: 'skopeo', bound: 'at least', value: 1, unit: 'x' }, ratio),
    judge({ work: `peak memory, ${work}`, against: '-', bound: 'at most', value: 200, unit: ' MB' }, peak),
  ]
}
