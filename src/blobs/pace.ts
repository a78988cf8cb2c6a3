/** A connection that brings this much is not the bottleneck: the disk or the processor is. Bytes a second. */
const FAST_ENOUGH = 64 * 1024 * 1024
/** What a doubling must gain to be followed by another one. */
const WORTH_IT = 1.2

/**
 * Pure: how many connections a large blob should have, decided by measuring. It begins with one. While each of them is
 * slow (limited by the server, or by the round trip) their number is doubled; when that stops helping, it stays. On a fast
 * line one connection is best: more of them only cost processor time.
 */
export class Pace {
  readonly #most: number
  #connections = 1
  #rateBefore = 0
  #settled = false

  constructor(most: number) {
    this.#most = most
  }

  get connections(): number {
    return this.#connections
  }

  /** No more than `connections` from now on: the server does not want them, or they would not help. */
  settle(connections: number): void {
    this.#settled = true
    this.#connections = Math.max(1, connections)
  }

  /** Tells what the last interval brought. @returns how many connections there should be now. */
  observe(bytes: number, milliseconds: number): number {
    const rate = (bytes / milliseconds) * 1000
    if (this.#settled || rate === 0) return this.#connections
    const helped = rate >= this.#rateBefore * (this.#connections === 1 ? 1 : WORTH_IT)
    this.#settled = !helped || rate / this.#connections >= FAST_ENOUGH || this.#connections >= this.#most
    if (this.#settled) return this.#connections
    this.#rateBefore = rate
    this.#connections = Math.min(this.#most, this.#connections * 2)
    return this.#connections
  }
}
