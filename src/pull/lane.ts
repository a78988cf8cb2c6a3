import type { SchedulerLike, Subscription } from 'rxjs'
import { HearthError } from '../errors.js'
import type { Errand, TurnOrder, Waiting } from './turn-order.js'

/** A place in a lane. Leaving is idempotent. */
export interface Slot {
  /** @param outcome `served`: the host gave what was asked for. */
  leave(outcome?: 'served'): void
}

/** `asked`: the server wants it so. `unreachable`: it does not answer, and asking more often would not help. */
export interface Pause {
  readonly ms: number
  readonly reason: 'asked' | 'unreachable'
}

interface LaneParts {
  readonly order: TurnOrder<Give>
  readonly random: () => number
  readonly scheduler: SchedulerLike
}

interface Visit {
  readonly errand: Errand
  readonly signal: AbortSignal
  readonly unlessPaused?: boolean
}

/** Called once: with a slot, or without one when the lane is paused. */
interface Give {
  readonly unlessPaused: boolean
  give(slot: Slot | undefined): void
}

/** A second's worth at most: what spreads the clients that were told the same time to come back. */
const MAX_JITTER_MS = 1000

/** The budget of one host. */
export class Lane {
  readonly #width: number
  readonly #order: TurnOrder<Give>
  readonly #random: () => number
  readonly #scheduler: SchedulerLike
  /**
   * Slots that are open to those who came after the last pause. The first one goes alone, and each one that leaves without a new
   * pause opens another: a host that comes back is not met by all at once.
   */
  #open: number
  #inside = 0
  /** How many of them entered after the last pause: a large blob from before it may stay for an hour. */
  #insideSincePause = 0
  #pauses = 0
  #served = 0
  #expected = 0
  #pausedUntil = 0
  /** What was asked for: by a clock that is set back, the pause would last longer. */
  #pauseMs = 0
  /** Set only while somebody waits: else it would keep the process alive for nobody. */
  #alarm: Subscription | undefined

  constructor(width: number, { order, random, scheduler }: LaneParts) {
    this.#width = width
    this.#open = width
    this.#order = order
    this.#random = random
    this.#scheduler = scheduler
  }

  get served(): number {
    return this.#served
  }

  get isPaused(): boolean {
    return this.#leftMs() > 0
  }

  /** Milliseconds until somebody may enter again; 0 when it is not paused. */
  get pauseLeftMs(): number {
    return Math.max(0, this.#leftMs())
  }

  /** Undefined only with `unlessPaused`. @throws HearthError ABORTED when the signal ends the wait. */
  enter({ errand, signal, unlessPaused = false }: Visit): Promise<Slot | undefined> {
    return new Promise((resolve, reject) => {
      let waiting: Waiting<Give> | undefined
      const giveUp = (): void => {
        if (waiting !== undefined) this.#order.remove(waiting)
        if (this.#order.waiting === 0) this.#stopAlarm()
        reject(new HearthError('ABORTED', 'stopped while waiting for a turn'))
      }
      if (signal.aborted) return giveUp()
      if (unlessPaused && this.isPaused) return resolve(undefined)
      signal.addEventListener('abort', giveUp, { once: true })
      const give = (slot: Slot | undefined): void => {
        signal.removeEventListener('abort', giveUp)
        resolve(slot)
      }
      waiting = this.#order.add(errand, { unlessPaused, give })
      this.#letIn()
    })
  }

  /**
   * Without waiting, for a small request whose turn it already is in another lane. It takes no slot from anybody; but undefined
   * while this lane is paused, and while it opens again after a pause and all that is open is taken.
   */
  visit(): Slot | undefined {
    const isFull = this.#open < this.#width && this.#insideSincePause >= this.#open
    return this.isPaused || isFull ? undefined : this.#slot()
  }

  /** @returns whether it is longer than what was left of an earlier one. */
  pause({ ms }: Pause): boolean {
    // Kept in full, and a little more: a fleet that was told the same time must not come back in step.
    const wholeMs = ms + this.#random() * Math.min(ms / 4, MAX_JITTER_MS)
    const until = this.#scheduler.now() + wholeMs
    if (until <= this.#pausedUntil) return false
    const longer = this.#pausedUntil < this.#scheduler.now() + ms
    this.#pausedUntil = until
    this.#pauseMs = wholeMs
    this.#open = 1
    this.#pauses += 1
    this.#insideSincePause = 0
    this.#stopAlarm()
    for (const waiting of [...this.#order.values()]) {
      if (!waiting.value.unlessPaused) continue
      this.#order.remove(waiting)
      waiting.value.give(undefined)
    }
    this.#letIn()
    return longer
  }

  expect(): () => void {
    this.#expected += 1
    let open = true
    return () => {
      if (!open) return
      open = false
      this.#expected -= 1
      if (this.#expected === 0) this.#letIn()
    }
  }

  /** A visitor has no errand. */
  #slot(errand?: Errand): Slot {
    const counts = errand !== undefined || this.#open < this.#width
    if (errand !== undefined) this.#inside += 1
    if (counts) this.#insideSincePause += 1
    const pauses = this.#pauses
    let inside = true
    return {
      leave: (outcome) => {
        if (!inside) return
        inside = false
        if (errand !== undefined) {
          this.#inside -= 1
          this.#order.left(errand)
        }
        if (counts && pauses === this.#pauses) this.#insideSincePause -= 1
        if (outcome === 'served') this.#served += 1
        // What was under way when the pause began says nothing about afterwards.
        if (!this.isPaused) this.#open = Math.min(this.#width, this.#open + 1)
        this.#letIn()
      },
    }
  }

  #leftMs(): number {
    return Math.min(this.#pausedUntil - this.#scheduler.now(), this.#pauseMs)
  }

  #letIn(): void {
    if (this.#order.waiting === 0) return
    const left = this.#leftMs()
    if (left > 0) {
      this.#alarm ??= this.#scheduler.schedule(() => this.#resume(), left)
      return
    }
    while (this.#inside < this.#width && this.#insideSincePause < this.#open) {
      const next = this.#order.next(this.#expected > 0)
      if (next === undefined) return
      next.value.give(this.#slot(next.errand))
    }
  }

  /** The pause is over when its timer says so: by the clock it may not be yet, and nobody would look a second time. */
  #resume(): void {
    this.#alarm = undefined
    this.#pausedUntil = 0
    this.#letIn()
  }

  #stopAlarm(): void {
    this.#alarm?.unsubscribe()
    this.#alarm = undefined
  }
}
