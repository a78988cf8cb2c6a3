/** How slow a body may be, from the transport's options. */
export interface SlowLimits {
  readonly progressWindowMs: number
  readonly minBytesPerSecond: number
}

/**
 * Watches a body's average speed: a limit on silence alone never ends a server that sends a byte now and then.
 * Call `stop` when the body has ended, else the timer keeps the process alive.
 */
export class Watchdog {
  #received = 0
  readonly #timer: NodeJS.Timeout

  /** @param onSlow called once, when a whole window brought less than the least. */
  constructor({ progressWindowMs, minBytesPerSecond }: SlowLimits, onSlow: () => void) {
    const least = (progressWindowMs / 1000) * minBytesPerSecond
    this.#timer = setInterval(() => {
      if (this.#received >= least) {
        this.#received = 0
        return
      }
      this.stop()
      onSlow()
    }, progressWindowMs)
  }

  received(bytes: number): void {
    this.#received += bytes
  }

  /** Idempotent. */
  stop(): void {
    clearInterval(this.#timer)
  }
}
