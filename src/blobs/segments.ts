import { type Extents, missing } from './checkpoint.js'

/** A part of a blob that one request brings, from `next` up to, not including, `end`. Both move: towards each other. */
export interface Segment {
  next: number
  end: number
}

/** A piece smaller than this is not worth a connection of its own. */
export const LEAST_SEGMENT_BYTES = 8 * 1024 * 1024

/** Segment boundaries are multiples of this, so that writes stay aligned to pages. */
const ALIGNMENT = 1024 * 1024

/**
 * Which parts of a blob are still to come, and who brings them. Pure bookkeeping: one connection takes all there is; a
 * further one takes the second half of the largest part that another still has before it.
 */
export class Segments {
  #waiting: Segment[]
  readonly #taken = new Set<Segment>()

  constructor(present: Extents, size: number) {
    this.#waiting = missing(present, size).map(([next, end]) => ({ next, end }))
  }

  /** Bytes nobody has brought yet. */
  get left(): number {
    return [...this.#waiting, ...this.#taken].reduce((sum, { next, end }) => sum + end - next, 0)
  }

  /** Whether {@link take} would give something. */
  get divisible(): boolean {
    return this.#waiting.length > 0 || this.#largest() !== undefined
  }

  /** Something to bring: a part that nobody has, else half of the largest one under way. Undefined when all is in hand. */
  take(): Segment | undefined {
    const segment = this.#waiting.shift() ?? this.#split()
    if (segment !== undefined) this.#taken.add(segment)
    return segment
  }

  /** The segment is brought, or its bearer gave up: then what is left of it waits for another one. */
  leave(segment: Segment): void {
    if (this.#taken.delete(segment) && segment.next < segment.end) this.#waiting.unshift(segment)
  }

  /** One bearer brings all of the blob from its beginning. */
  giveAll(segment: Segment, size: number): void {
    this.#waiting = []
    this.#taken.clear()
    this.#taken.add(segment)
    segment.next = 0
    segment.end = size
  }

  #split(): Segment | undefined {
    const victim = this.#largest()
    if (victim === undefined) return undefined
    const middle = victim.next + (victim.end - victim.next) / 2
    const cut = Math.ceil(middle / ALIGNMENT) * ALIGNMENT
    const half = { next: cut, end: victim.end }
    victim.end = cut
    return half
  }

  #largest(): Segment | undefined {
    let largest: Segment | undefined
    for (const segment of this.#taken) {
      const length = segment.end - segment.next
      if (length < 2 * LEAST_SEGMENT_BYTES) continue
      if (largest === undefined || length > largest.end - largest.next) largest = segment
    }
    return largest
  }
}
