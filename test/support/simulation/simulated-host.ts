import { HearthError } from '../../../src/errors.js'
import type { VirtualClock } from './virtual-clock.js'

export interface HostOptions {
  readonly roundTripMs: number
  /** Of the whole host; transfers under way share it evenly. */
  readonly bytesPerSecond: number
  /** What one transfer gets at most. */
  readonly perTransfer?: number
  /** At most so many requests in each window; all others get 429 with the seconds until the next one. */
  readonly limit?: { readonly requests: number; readonly windowMs: number }
  /** Nobody is at home: transfers under way break, connections are refused. */
  readonly outage?: { readonly fromMs: number; readonly toMs: number }
  /** Share of transfers that break in the middle. */
  readonly lossy?: number
}

export interface Arrival {
  readonly atMs: number
  readonly outcome: 'served' | 'limited' | 'refused'
}

interface Transfer {
  /** {@link SimulatedHost.#sent} at which it is complete. */
  readonly until: number
  readonly done: () => void
  readonly fail: (error: HearthError) => void
}

/** A registry as a client sees it: a round trip, a line that is shared, a limit on requests, bad days. */
export class SimulatedHost {
  readonly name: string
  readonly options: HostOptions
  readonly arrivals: Arrival[] = []
  /** Requests under way, now and at most. */
  inside = 0
  most = 0
  readonly #clock: VirtualClock
  readonly #random: () => number
  readonly #transfers = new Set<Transfer>()
  /** Bytes that each transfer would have got if it had been there from the beginning. */
  #sent = 0
  #sentAt = 0
  #cancel: (() => void) | undefined
  #window = { number: -1, requests: 0 }

  constructor(name: string, options: HostOptions, { clock, random }: { clock: VirtualClock; random: () => number }) {
    this.name = name
    this.options = options
    this.#clock = clock
    this.#random = random
    if (options.outage !== undefined) clock.after(options.outage.fromMs, () => this.#breakDown())
  }

  /** One request with an answer of so many bytes, as far as it gets. */
  async ask(bytes: number, signal?: AbortSignal): Promise<void> {
    this.inside += 1
    this.most = Math.max(this.most, this.inside)
    try {
      await new Promise<void>((resolve) => this.#clock.after(this.options.roundTripMs, resolve))
      this.#arrive()
      const breaks = bytes > 0 && this.#random() < (this.options.lossy ?? 0)
      if (bytes > 0) await this.#send(breaks ? bytes * this.#random() : bytes, signal)
      if (breaks) throw new HearthError('CONNECTION_LOST', 'reset', { host: this.name })
    } finally {
      this.inside -= 1
    }
  }

  #arrive(): void {
    const { limit, outage } = this.options
    const atMs = this.#clock.now()
    if (outage !== undefined && atMs >= outage.fromMs && atMs < outage.toMs) {
      this.arrivals.push({ atMs, outcome: 'refused' })
      throw new HearthError('CONNECTION_FAILED', 'refused', { host: this.name })
    }
    if (limit !== undefined) {
      const number = Math.floor(atMs / limit.windowMs)
      if (number !== this.#window.number) this.#window = { number, requests: 0 }
      this.#window.requests += 1
      if (this.#window.requests > limit.requests) {
        this.arrivals.push({ atMs, outcome: 'limited' })
        const retryAfterMs = Math.ceil(((number + 1) * limit.windowMs - atMs) / 1000) * 1000
        throw new HearthError('TOOMANYREQUESTS', 'slow down', { host: this.name, retryAfterMs })
      }
    }
    this.arrivals.push({ atMs, outcome: 'served' })
  }

  #send(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    this.#advance()
    return new Promise((resolve, reject) => {
      const leave = (): void => void this.#transfers.delete(transfer)
      const transfer: Transfer = {
        until: this.#sent + bytes,
        done: () => resolve(leave()),
        fail: (error) => reject([error, leave()][0]),
      }
      signal?.addEventListener('abort', () => {
        this.#advance()
        transfer.fail(new HearthError('ABORTED', 'stopped'))
        this.#arm()
      })
      this.#transfers.add(transfer)
      this.#arm()
    })
  }

  /** Brings the account of what was sent up to now. */
  #advance(): void {
    const now = this.#clock.now()
    this.#sent += ((now - this.#sentAt) / 1000) * this.#rate()
    this.#sentAt = now
  }

  /** A timer for the transfer that will be complete first. */
  #arm(): void {
    this.#cancel?.()
    this.#cancel = undefined
    let first = Number.POSITIVE_INFINITY
    for (const { until } of this.#transfers) first = Math.min(first, until)
    if (first === Number.POSITIVE_INFINITY) return
    const ms = (Math.max(0, first - this.#sent) / this.#rate()) * 1000
    this.#cancel = this.#clock.after(ms, () => {
      this.#advance()
      // The one that the timer was for is complete, whatever the rounding says.
      for (const transfer of [...this.#transfers]) if (transfer.until <= Math.max(first, this.#sent)) transfer.done()
      this.#arm()
    })
  }

  /** Bytes per second of each transfer. */
  #rate(): number {
    const { bytesPerSecond, perTransfer = bytesPerSecond } = this.options
    return Math.min(perTransfer, bytesPerSecond / Math.max(1, this.#transfers.size))
  }

  #breakDown(): void {
    this.#advance()
    for (const transfer of [...this.#transfers]) {
      transfer.fail(new HearthError('CONNECTION_LOST', 'reset', { host: this.name }))
    }
    this.#arm()
  }
}
