import { asyncScheduler, type SchedulerLike, type Subscription } from 'rxjs'
import { HearthError } from '../errors.js'

/** A place in a lane. `leave` is idempotent. */
export interface Slot {
  leave(): void
}

/**
 * One lane for each host: a budget of requests under way at once, shared by all images of a run. A server's Retry-After
 * pauses the whole lane, not the one request that was told.
 *
 * Never wait for a slot while holding a claim: the slot may be taken by someone who waits for that claim.
 */
export class Lanes {
  readonly #lanes = new Map<string, Lane>()
  readonly #width: number
  readonly #scheduler: SchedulerLike

  constructor(width: number, scheduler: SchedulerLike = asyncScheduler) {
    this.#width = width
    this.#scheduler = scheduler
  }

  /** First come, first served. @throws HearthError ABORTED when the signal ends the wait. */
  enter(host: string, signal: AbortSignal): Promise<Slot> {
    return this.#lane(host).enter(signal)
  }

  /** Nobody enters this lane for `ms` milliseconds. A shorter pause never ends a longer one. */
  pause(host: string, ms: number): void {
    this.#lane(host).pause(ms)
  }

  #lane(host: string): Lane {
    const existing = this.#lanes.get(host)
    if (existing !== undefined) return existing
    const lane = new Lane(this.#width, this.#scheduler)
    this.#lanes.set(host, lane)
    return lane
  }
}

class Lane {
  readonly #waiting = new Set<() => void>()
  readonly #width: number
  readonly #scheduler: SchedulerLike
  #inside = 0
  #pausedUntil = 0
  /** What was asked for: by a clock that is set back, the pause would last longer. */
  #pauseMs = 0
  /** Set only while somebody waits: else it would keep the process alive for nobody. */
  #alarm: Subscription | undefined

  constructor(width: number, scheduler: SchedulerLike) {
    this.#width = width
    this.#scheduler = scheduler
  }

  enter(signal: AbortSignal): Promise<Slot> {
    return new Promise((resolve, reject) => {
      const give = (): void => {
        signal.removeEventListener('abort', giveUp)
        this.#inside += 1
        resolve(this.#slot())
      }
      const giveUp = (): void => {
        this.#waiting.delete(give)
        if (this.#waiting.size === 0) this.#stopAlarm()
        reject(new HearthError('ABORTED', 'stopped while waiting for a turn'))
      }
      if (signal.aborted) return giveUp()
      signal.addEventListener('abort', giveUp, { once: true })
      this.#waiting.add(give)
      this.#letIn()
    })
  }

  pause(ms: number): void {
    const until = this.#scheduler.now() + ms
    if (until <= this.#pausedUntil) return
    this.#pausedUntil = until
    this.#pauseMs = ms
    this.#stopAlarm()
    this.#letIn()
  }

  #slot(): Slot {
    let inside = true
    return {
      leave: () => {
        if (!inside) return
        inside = false
        this.#inside -= 1
        this.#letIn()
      },
    }
  }

  #letIn(): void {
    if (this.#waiting.size === 0) return
    const left = Math.min(this.#pausedUntil - this.#scheduler.now(), this.#pauseMs)
    if (left > 0) {
      this.#alarm ??= this.#scheduler.schedule(() => this.#resume(), left)
      return
    }
    for (const give of this.#waiting) {
      if (this.#inside >= this.#width) return
      this.#waiting.delete(give)
      give()
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
