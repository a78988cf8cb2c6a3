import { BlobLine } from './blob-line.js'

/**
 * What somebody wants a slot for: a small request, about a name or about a manifest that is further down in an image whose
 * name is known; or a blob of so many bytes.
 */
export type Errand = 'name' | 'manifest' | { readonly bytes: number }

/** One that waits for its turn. */
export interface Waiting<T> {
  readonly errand: Errand
  readonly value: T
}

/** Which of those that wait for a lane goes in next. Knows no clock and no randomness. */
export interface TurnOrder<T> {
  readonly waiting: number
  /** All that wait, in no order that matters. */
  values(): Iterable<Waiting<T>>
  add(errand: Errand, value: T): Waiting<T>
  remove(waiting: Waiting<T>): void
  /**
   * Takes the next one out, for a slot that is free; undefined when nobody may have it yet.
   * @param expecting images are still to be planned: requests may come at any moment.
   */
  next(expecting: boolean): Waiting<T> | undefined
  /** One that was taken out has given its slot back. */
  left(errand: Errand): void
}

/** What holds a slot for long: at 10 MB/s a tenth of a second. */
const LARGE_BYTES = 1024 * 1024

/**
 * The order of a lane, for a short tail and for nobody to starve:
 *
 * 1. Requests before blobs: nothing can be fetched that is not known yet. Manifests before names: all of one image is worth
 *    more than a little of each. While blobs wait, requests take a quarter of the slots at most: they cost round trips, blobs
 *    cost bandwidth, and side by side both are used.
 * 2. Small blobs, up to 1 MiB, cost round trips too: while some wait, a quarter of the slots is theirs. All others are for
 *    large ones as long as there are any. As long as images are still to be planned, large ones leave one slot in any case:
 *    eight layers of an hour each must not keep everybody from knowing what to fetch. A lane of less than four slots makes no
 *    such difference.
 * 3. Among its kind the largest: one that starts last is what everybody waits for in the end.
 * 4. Every fourth of its kind is the one that has waited longest. So one that comes when n of its kind are waiting goes in
 *    with the 4(n + 1)th of them at the latest, however many larger ones come after it.
 *
 * `bench/pull/scheduler.bench.ts` compares it with first come, first served.
 */
export class LargestFirst<T> implements TurnOrder<T> {
  readonly #width: number
  /** A quarter of the slots. */
  readonly #quarter: number
  readonly #names = new Set<Waiting<T>>()
  readonly #manifests = new Set<Waiting<T>>()
  readonly #small = new BlobLine<T>()
  readonly #large = new BlobLine<T>()
  #inside = { requests: 0, small: 0, large: 0 }

  constructor(width: number) {
    this.#width = width
    this.#quarter = Math.floor(width / 4)
  }

  get waiting(): number {
    return this.#names.size + this.#manifests.size + this.#small.length + this.#large.length
  }

  *values(): Iterable<Waiting<T>> {
    for (const line of [this.#names, this.#manifests, this.#small, this.#large]) yield* line
  }

  add(errand: Errand, value: T): Waiting<T> {
    if (typeof errand === 'object') return (this.#isLarge(errand) ? this.#large : this.#small).add(errand, value)
    const waiting = { errand, value }
    const line = errand === 'name' ? this.#names : this.#manifests
    line.add(waiting)
    return waiting
  }

  remove(waiting: Waiting<T>): void {
    for (const line of [this.#names, this.#manifests, this.#small, this.#large]) if (line.delete(waiting)) return
  }

  next(expecting: boolean): Waiting<T> | undefined {
    const next = this.#choose(expecting)
    if (next === undefined) return undefined
    this.remove(next)
    this.#count(next.errand, 1)
    return next
  }

  left(errand: Errand): void {
    this.#count(errand, -1)
  }

  #choose(expecting: boolean): Waiting<T> | undefined {
    const { requests, small, large } = this.#inside
    const [name] = this.#names
    const [request = name] = this.#manifests
    if (request !== undefined && requests < Math.max(1, this.#quarter)) return request
    if (this.#small.length > 0 && small < this.#quarter) return this.#small.next()
    const free = expecting ? Math.min(1, this.#quarter) : 0
    if (this.#large.length > 0 && large < this.#width - free) return this.#large.next()
    return this.#small.next() ?? request
  }

  #isLarge({ bytes }: { readonly bytes: number }): boolean {
    return this.#quarter === 0 || bytes > LARGE_BYTES
  }

  #count(errand: Errand, change: 1 | -1): void {
    if (typeof errand !== 'object') this.#inside.requests += change
    else if (this.#isLarge(errand)) this.#inside.large += change
    else this.#inside.small += change
  }
}
