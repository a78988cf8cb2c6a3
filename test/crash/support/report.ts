/** What a program found out, as lines for the reader, and as an exit code for a script. */
export interface Failure {
  readonly problems: readonly string[]
  /** Where to look: the trial in words. */
  readonly trial: string
  /** The command that does the same again. */
  readonly replay: string
}

/** Long runs say now and then that they live. */
const SECONDS_BETWEEN_SIGNS = 60

export class Report {
  readonly #title: string
  readonly #begun = performance.now()
  readonly #counts = new Map<string, number>()
  readonly #notes: string[] = []
  readonly failures: Failure[] = []
  #stopped = false
  #nextSign = SECONDS_BETWEEN_SIGNS

  constructor(title: string) {
    this.#title = title
    // Ctrl-C: what was found so far is worth a page, and folders are to be removed.
    process.once('SIGINT', this.#stop)
  }

  readonly #stop = (): void => {
    this.#stopped = true
  }

  /** Whether the user has seen enough: no further trial then. */
  get stopped(): boolean {
    return this.#stopped
  }

  count(what: string, by = 1): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + by)
    if (this.seconds < this.#nextSign) return
    this.#nextSign = this.seconds + SECONDS_BETWEEN_SIGNS
    const [[first, count] = ['', 0]] = this.#counts
    process.stderr.write(`${count} ${first}, ${this.failures.length} violations, ${this.seconds.toFixed(0)} s\n`)
  }

  note(line: string): void {
    this.#notes.push(line)
  }

  fail(failure: Failure): void {
    this.failures.push(failure)
    process.stderr.write(`VIOLATION in ${failure.trial}\n`)
    for (const problem of failure.problems) process.stderr.write(`  ${problem}\n`)
    process.stderr.write(`  again: ${failure.replay}\n`)
  }

  get seconds(): number {
    return (performance.now() - this.#begun) / 1000
  }

  /** Prints the page. @returns the exit code. */
  end(): number {
    process.removeListener('SIGINT', this.#stop)
    const lines = [
      `== ${this.#title}`,
      ...[...this.#counts].map(([what, count]) => `${`${count}`.padStart(8)} ${what}`),
    ]
    lines.push(...this.#notes.map((note) => `         ${note}`))
    lines.push(`${`${this.failures.length}`.padStart(8)} trials with violations, in ${this.seconds.toFixed(0)} s`)
    for (const { replay } of this.failures.slice(0, 20)) lines.push(`         again: ${replay}`)
    process.stdout.write(`${lines.join('\n')}\n\n`)
    return this.failures.length === 0 ? 0 : 1
  }
}
