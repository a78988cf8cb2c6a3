import type { Errand, TurnOrder, Waiting } from '../../../src/pull/turn-order.js'

/** First come, first served: what the order of the lanes is compared with. */
export class FirstCome<T> implements TurnOrder<T> {
  readonly #waiting = new Set<Waiting<T>>()

  get waiting(): number {
    return this.#waiting.size
  }

  values(): Iterable<Waiting<T>> {
    return this.#waiting
  }

  add(errand: Errand, value: T): Waiting<T> {
    const waiting = { errand, value }
    this.#waiting.add(waiting)
    return waiting
  }

  remove(waiting: Waiting<T>): void {
    this.#waiting.delete(waiting)
  }

  next(): Waiting<T> | undefined {
    const [first] = this.#waiting
    if (first !== undefined) this.#waiting.delete(first)
    return first
  }

  left(): void {}
}
