/**
 * When bytes that enter a line come out of it: all of them the same time later, in order, however many there are. A line
 * with a round trip but without a limit of its bandwidth. Pure: the clock is the caller's, in milliseconds.
 */
export class DelayLine<T> {
  readonly #delayMs: number
  readonly #opensAt: number
  readonly #inside: { readonly item: T; readonly dueAt: number }[] = []

  /** @param opensAt nothing enters earlier: until then the connection is not established. */
  constructor(delayMs: number, opensAt = Number.NEGATIVE_INFINITY) {
    this.#delayMs = delayMs
    this.#opensAt = opensAt
  }

  enter(item: T, now: number): void {
    this.#inside.push({ item, dueAt: Math.max(now, this.#opensAt) + this.#delayMs })
  }

  /** What is due by now, oldest first. Each item comes out once. */
  leave(now: number): T[] {
    const waiting = this.#inside.findIndex(({ dueAt }) => dueAt > now)
    return this.#inside.splice(0, waiting === -1 ? this.#inside.length : waiting).map(({ item }) => item)
  }

  /** When the next item is due; undefined when the line is empty. */
  get nextAt(): number | undefined {
    return this.#inside[0]?.dueAt
  }
}
