import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Measurement, measure, median, percentile95 } from './measure.js'

/** One tool at one task. `prepare` is not timed: it puts the disk back to where a cold run begins. */
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
  /** Their median time over ours: above 1, we are faster. */
  readonly ratio?: number
}

/**
 * Lets all contestants run in turn, round after round, so that a machine that slows down slows all of them.
 * The first round warms files and page cache, and is not counted.
 */
export async function contest(contestants: readonly Contestant[], rounds: number): Promise<Standing[]> {
  const runs = new Map<string, Measurement[]>(contestants.map(({ name }) => [name, []]))
  for (let round = 0; round <= rounds; round++) {
    for (const { name, command, prepare } of contestants) {
      if (command === undefined) continue
      await prepare()
      const run = await measure(command)
      if (round > 0) runs.get(name)?.push(run)
    }
  }
  const ours = median((runs.get('hearth') ?? []).map(({ wallSeconds }) => wallSeconds))
  return contestants.map(({ name, command }) => {
    const own = runs.get(name) ?? []
    if (command === undefined) return { name, absent: true }
    const seconds = own.map(({ wallSeconds }) => wallSeconds)
    return {
      name,
      n: own.length,
      medianSeconds: median(seconds),
      p95Seconds: percentile95(seconds),
      cpuSeconds: median(own.map(({ cpuSeconds }) => cpuSeconds)),
      peakMiB: Math.max(...own.map(({ peakMiB }) => peakMiB)),
      ratio: median(seconds) / ours,
    }
  })
}

/** The program's path, or undefined. */
export function onPath(program: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path))
}

/** JSON lines for machines on stdout, a table for people on stderr. */
export function report(bench: string, question: string, standings: readonly Standing[]): void {
  const machine = { node: process.version, platform: `${process.platform}/${process.arch}` }
  for (const standing of standings) process.stdout.write(`${JSON.stringify({ bench, ...standing, ...machine })}\n`)
  process.stderr.write(`\n${question}\n`)
  process.stderr.write(
    '| tool | n | median s | p95 s | CPU s | peak MiB | time / hearth |\n|---|---|---|---|---|---|---|\n',
  )
  for (const { name, absent, n = 0, ...standing } of standings) {
    const { medianSeconds = 0, p95Seconds = 0, cpuSeconds = 0, peakMiB = 0, ratio = 0 } = standing
    const cells = [medianSeconds, p95Seconds, cpuSeconds].map((value) => value.toFixed(2))
    const row = absent
      ? 'absent | | | | |'
      : `${n} | ${cells.join(' | ')} | ${Math.round(peakMiB)} | ${ratio.toFixed(2)}`
    process.stderr.write(`| ${name} | ${row} |\n`)
  }
}
