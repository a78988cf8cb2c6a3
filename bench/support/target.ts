import type { Standing } from './contest.js'

/** What a figure has to reach; stated before anything was measured. */
export interface Target {
  readonly work: string
  /** Whom or what the figure is relative to. */
  readonly against: string
  readonly bound: 'at least' | 'at most'
  readonly value: number
  /** Written after the figure: `x`, ` s`, ` MB`. */
  readonly unit: string
}

export interface Verdict extends Target {
  /** Undefined when it could not be measured: nobody to compare with. */
  readonly measured?: number
  readonly holds?: boolean
}

export function judge(target: Target, measured: number | undefined): Verdict {
  if (measured === undefined || Number.isNaN(measured)) return target
  const { bound, value } = target
  return { ...target, measured, holds: bound === 'at least' ? measured >= value : measured <= value }
}

/** The fastest of these contestants; undefined when all of them are absent. */
export function bestOf(standings: readonly Standing[], names: readonly string[]): Standing | undefined {
  const present = standings.filter(({ name, absent }) => names.includes(name) && !absent)
  return present.toSorted((a, b) => (a.medianSeconds ?? 0) - (b.medianSeconds ?? 0))[0]
}

export function standingOf(standings: readonly Standing[], name: string): Standing {
  const standing = standings.find((one) => one.name === name)
  if (standing === undefined) throw new TypeError(`nobody is called ${name}`)
  return standing
}

/** Targets of memory are in MB, measurements in MiB. */
export function megabytes(mebibytes: number | undefined): number | undefined {
  return mebibytes === undefined ? undefined : mebibytes * 1.048576
}
