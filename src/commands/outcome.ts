import { ERRORS, type Failure } from '../errors.js'

/** What a command found or did, before anything is printed. */
export interface DocumentOutcome {
  readonly kind: 'document'
  /** For standard output with `--json`: the library's report. */
  readonly document: object
  /** For standard output without it. */
  readonly lines: readonly string[]
  /** For standard error, in either case. */
  readonly problems: readonly string[]
  readonly exitCode: number
}

/** A result of any length, printed as it comes: JSON lines or lines of text. */
export interface StreamOutcome {
  readonly kind: 'stream'
  /** Whether each line is to be seen at once: the next one may take long. */
  readonly live?: boolean
  lines(json: boolean): AsyncIterable<string>
}

export type Outcome = DocumentOutcome | StreamOutcome

/** 0 when nothing failed, the code that all failures share, or PARTIAL's for a mixture. */
export function exitCodeOf(failures: readonly Failure[]): number {
  const codes = new Set(failures.map(({ code }) => ERRORS[code].exitCode))
  const [only = 0] = codes
  return codes.size <= 1 ? only : ERRORS.PARTIAL.exitCode
}
