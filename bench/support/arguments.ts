export interface BenchArguments {
  /** Counted runs of each contestant. */
  readonly rounds: number
  /** Less of everything, to see that a bench works. Its figures are not worth keeping. */
  readonly quick: boolean
}

/** Reads `--quick` and `--rounds N`. */
export function benchArguments(defaults: { readonly rounds: number; readonly quickRounds: number }): BenchArguments {
  const words = process.argv.slice(2)
  const quick = words.includes('--quick')
  const at = words.indexOf('--rounds')
  const rounds = at === -1 ? (quick ? defaults.quickRounds : defaults.rounds) : Number(words[at + 1])
  if (!Number.isSafeInteger(rounds) || rounds < 1) throw new TypeError('--rounds takes a whole number from 1 on')
  return { rounds, quick }
}
