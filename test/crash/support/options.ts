import { parseArgs } from 'node:util'

/** What a program was asked to do. */
export interface CrashOptions {
  readonly seed: number
  /** How many trials. */
  readonly points: number
  /** How long, for programs that run for a time. */
  readonly seconds: number
  /** Only scenarios or files whose name holds this. */
  readonly only: string | undefined
  /** One trial alone, in the words in which a failure printed it. */
  readonly replay: string | undefined
}

export interface Amounts {
  readonly points: number
  readonly seconds: number
}

/** The words after `npm run crash -- PROGRAM`. */
export function parseOptions(argv: readonly string[], { points, seconds }: Amounts): CrashOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      seed: { type: 'string', default: '1' },
      points: { type: 'string', default: `${points}` },
      seconds: { type: 'string', default: `${seconds}` },
      only: { type: 'string' },
      replay: { type: 'string' },
    },
  })
  const { only, replay } = values
  const number = (name: 'seed' | 'points' | 'seconds'): number => {
    const value = Number(values[name])
    if (!Number.isSafeInteger(value) || value < 0) throw new TypeError(`--${name} takes a whole number`)
    return value
  }
  return { seed: number('seed'), points: number('points'), seconds: number('seconds'), only, replay }
}
