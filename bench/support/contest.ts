import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { BenchArguments } from './arguments.js'
import { type Measurement, measure, median, percentile95 } from './measure.js'

/** One tool at one task. `prepare` is not timed: it puts the disk back to where a run begins. */
export interface Contestant {
  readonly name: string
  /** Undefined for a tool that is not on PATH: it is named as absent. */
  readonly command: readonly string[] | undefined
  prepare(): Promise<void>
}

export interface Standing {
  readonly name: string
  readonly absent?: true
  readonly n?: number
  readonly medianSeconds?: number
  readonly p95Seconds?: number
  readonly cpuSeconds?: number
  readonly peakMiB?: number
  /** Their median time over that of the first contestant, us: above 1, we are faster. */
  readonly ratio?: number
}

/**
 * Lets all contestants run in turn, round after round, so that a machine that slows down slows all of them. A round before
 * them warms files and page cache, and is not counted; a quick contest goes without.
 */
export async function contest(
  contestants: readonly Contestant[],
  { rounds, quick }: Pick<BenchArguments, 'rounds' | 'quick'>,
): Promise<Standing[]> {
  const runs = new Map<string, Measurement[]>(contestants.map(({ name }) => [name, []]))
  for (let round = quick ? 1 : 0; round <= rounds; round++) {
    for (const { name, command, prepare } of contestants) {
      if (command === undefined) continue
      await prepare()
      const run = await measure(command)
      if (round > 0) runs.get(name)?.push(run)
    }
  }
  const first = medianSeconds(runs.get(contestants[0]?.name ?? '') ?? [])
  return contestants.map(({ name, command }) =>
    command === undefined ? { name, absent: true } : standing(name, runs.get(name) ?? [], first),
  )
}

/** What the counted runs of one contestant amount to. */
function standing(name: string, runs: readonly Measurement[], firstSeconds: number): Standing {
  return {
    name,
    n: runs.length,
    medianSeconds: medianSeconds(runs),
    p95Seconds: percentile95(runs.map(({ wallSeconds }) => wallSeconds)),
    cpuSeconds: median(runs.map(({ cpuSeconds }) => cpuSeconds)),
    peakMiB: Math.max(...runs.map(({ peakMiB }) => peakMiB)),
    ratio: medianSeconds(runs) / firstSeconds,
  }
}

function medianSeconds(runs: readonly Measurement[]): number {
  return median(runs.map(({ wallSeconds }) => wallSeconds))
}

/** The program's path, or undefined. */
export function onPath(program: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path))
}
