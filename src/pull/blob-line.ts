import type { Errand, Waiting } from './turn-order.js'

/** Of so many blobs that go in, one is the one that has waited longest. */
const OLDEST_EVERY = 4

interface WaitingBlob<T> extends Waiting<T> {
  readonly errand: Exclude<Errand, string>
  /** Rises with each one that comes. */
  readonly number: number
}

/** Blobs of one kind that wait: the largest goes first, every fourth time the one that has waited longest. */
export class BlobLine<T> {
  /** In the order in which they came. */
  readonly #byAge = new Set<WaitingBlob<T>>()
  /** The largest last; of equal ones, the one that came first last. */
  readonly #bySize: WaitingBlob<T>[] = []
  #came = 0
  /** How many have gone in since the longest waiting one did. */
  #passed = 0

  get length(): number {
    return this.#bySize.length
  }

  [Symbol.iterator](): Iterator<Waiting<T>> {
    return this.#byAge.values()
  }

  add(errand: WaitingBlob<T>['errand'], value: T): Waiting<T> {
    const waiting = { errand, value, number: this.#came++ }
    this.#byAge.add(waiting)
    this.#bySize.splice(this.#placeOf(waiting), 0, waiting)
    return waiting
  }

  /** @returns whether it was there. */
  delete(waiting: Waiting<T>): boolean {
    const blob = waiting as WaitingBlob<T>
    if (!this.#byAge.delete(blob)) return false
    this.#bySize.splice(this.#placeOf(blob), 1)
    return true
  }

  /** Whose turn it is; the caller deletes it. */
  next(): Waiting<T> | undefined {
    const [oldest] = this.#byAge
    const next = this.#passed >= OLDEST_EVERY - 1 ? oldest : this.#bySize.at(-1)
    this.#passed = next === oldest ? 0 : this.#passed + 1
    return next
  }

  /** Where it stands, or would stand; by halving. */
  #placeOf(waiting: WaitingBlob<T>): number {
    let [from, to] = [0, this.#bySize.length]
    while (from < to) {
      const middle = (from + to) >> 1
      if (isBefore(this.#bySize[middle] as WaitingBlob<T>, waiting)) from = middle + 1
      else to = middle
    }
    return from
  }
}

function isBefore<T>(a: WaitingBlob<T>, b: WaitingBlob<T>): boolean {
  return a.errand.bytes < b.errand.bytes || (a.errand.bytes === b.errand.bytes && a.number > b.number)
}
