import type { Standing } from './contest.js'
import type { Verdict } from './target.js'

const MACHINE = { node: process.version, platform: `${process.platform}/${process.arch}` }

/** A JSON line for machines on stdout. `kind` tells what the other fields are. */
function emit(kind: 'standing' | 'verdict' | 'figure', bench: string, fields: object): void {
  process.stdout.write(`${JSON.stringify({ bench, kind, ...fields, ...MACHINE })}\n`)
}

/** Who took how long: JSON lines, and a table for people on stderr. */
export function reportStandings(bench: string, question: string, standings: readonly Standing[]): void {
  const rows = standings.map(({ name, absent, n = 0, ...standing }) => {
    const { medianSeconds = 0, p95Seconds = 0, cpuSeconds = 0, peakMiB = 0, ratio = 0 } = standing
    if (absent) return [name, 'absent', '', '', '', '', '']
    const seconds = [medianSeconds, p95Seconds, cpuSeconds].map((value) => value.toFixed(2))
    return [name, `${n}`, ...seconds, `${Math.round(peakMiB)}`, ratio.toFixed(2)]
  })
  for (const standing of standings) emit('standing', bench, standing)
  const first = standings[0]?.name ?? ''
  print(question, ['tool', 'n', 'median s', 'p95 s', 'CPU s', 'peak MiB', `time / ${first}`], rows)
}

/** Whether targets hold: JSON lines, from which `run.ts` makes the table at the end, and a table now. */
export function reportVerdicts(bench: string, ...verdicts: readonly Verdict[]): void {
  for (const verdict of verdicts) emit('verdict', bench, verdict)
  printVerdicts('Targets', verdicts)
}

export function printVerdicts(title: string, verdicts: readonly Verdict[]): void {
  const rows = verdicts.map(({ work, against, bound, value, unit, measured, holds }) => [
    work,
    against,
    measured === undefined ? 'not measured' : `${round(measured)}${unit}`,
    `${bound === 'at least' ? '>=' : '<='} ${value}${unit}`,
    holds === undefined ? '-' : holds ? 'yes' : 'NO',
  ])
  print(title, ['work', 'against', 'measured', 'target', 'holds'], rows)
}

/** Figures of a bench that has no contestants: JSON lines and a table, whose columns are the fields. */
export function reportFigures(
  bench: string,
  question: string,
  figures: readonly Readonly<Record<string, string | number>>[],
): void {
  for (const figure of figures) emit('figure', bench, figure)
  const rows = figures.map((figure) =>
    Object.values(figure).map((value) => (typeof value === 'number' ? round(value) : value)),
  )
  print(question, Object.keys(figures[0] ?? {}), rows)
}

function print(title: string, head: readonly string[], rows: readonly (readonly string[])[]): void {
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`)
  process.stderr.write(`\n${title}\n\n${lines.join('')}`)
}

function round(value: number): string {
  return value >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(2)
}
