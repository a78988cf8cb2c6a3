import { asyncScheduler, type SchedulerLike } from 'rxjs'
import { Lane, type Pause, type Slot } from './lane.js'
import { type Errand, LargestFirst, type TurnOrder } from './turn-order.js'

export interface LanesOptions {
  readonly scheduler?: SchedulerLike
  /** In [0, 1). */
  readonly random?: () => number
  /** Told of each pause, and of each one that makes it longer. */
  readonly onPause?: (host: string, pause: Pause) => void
  /** Default: {@link LargestFirst}. */
  readonly newOrder?: <T>(width: number) => TurnOrder<T>
}

/**
 * One lane for each host: a budget of requests under way at once, shared by all images of a run, in the order of
 * turn-order.ts. A server's Retry-After pauses the whole lane, not the one request that was told.
 *
 * Never wait for a slot while holding a claim: the slot may be taken by someone who waits for that claim.
 */
export class Lanes {
  readonly #lanes = new Map<string, Lane>()
  readonly #width: number
  readonly #options: LanesOptions

  constructor(width: number, options: LanesOptions = {}) {
    this.#width = width
    this.#options = options
  }

  /** @throws HearthError ABORTED when the signal ends the wait. */
  async enter(host: string, errand: Errand, signal: AbortSignal): Promise<Slot> {
    const slot = await this.#lane(host).enter({ errand, signal })
    if (slot === undefined) throw new TypeError('only those who can go elsewhere are sent away')
    return slot
  }

  /**
   * For those who have somewhere else to go: undefined when the lane is paused, or is while they wait.
   * @throws HearthError ABORTED when the signal ends the wait.
   */
  enterUnlessPaused(host: string, errand: Errand, signal: AbortSignal): Promise<Slot | undefined> {
    return this.#lane(host).enter({ errand, signal, unlessPaused: true })
  }

  /**
   * For a small request that holds a slot of another lane, and so must not wait for a second one: undefined when the host is to
   * be left alone.
   */
  visit(host: string): Slot | undefined {
    return this.#lane(host).visit()
  }

  /** Nobody enters this lane for a while. A shorter pause never ends a longer one. */
  pause(host: string, pause: Pause): void {
    if (this.#lane(host).pause(pause)) this.#options.onPause?.(host, pause)
  }

  isPaused(host: string): boolean {
    return this.#lanes.get(host)?.isPaused ?? false
  }

  /** Milliseconds until somebody may enter again. */
  pauseLeftMs(host: string): number {
    return this.#lanes.get(host)?.pauseLeftMs ?? 0
  }

  /** How many slots of this host were left by those who got what they came for: rises as long as it serves us. */
  served(host: string): number {
    return this.#lanes.get(host)?.served ?? 0
  }

  /** Announces requests that are still to come: until the result is called, once, a slot is kept from large blobs. */
  expect(host: string): () => void {
    return this.#lane(host).expect()
  }

  #lane(host: string): Lane {
    const existing = this.#lanes.get(host)
    if (existing !== undefined) return existing
    const { newOrder = largestFirst, random = Math.random, scheduler = asyncScheduler } = this.#options
    const lane = new Lane(this.#width, { order: newOrder(this.#width), random, scheduler })
    this.#lanes.set(host, lane)
    return lane
  }
}

function largestFirst<T>(width: number): TurnOrder<T> {
  return new LargestFirst<T>(width)
}
