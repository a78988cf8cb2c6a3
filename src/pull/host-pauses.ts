import { isHearthError } from '../errors.js'
import type { RetryPolicy } from '../options.js'
import type { Lanes } from './lanes.js'
import { retryDelayMs } from './retry.js'

export interface HostPausesDeps {
  readonly lanes: Lanes
  readonly policy: RetryPolicy
  /** In [0, 1). */
  readonly random: () => number
  /** Milliseconds, by the clock of the lanes. */
  readonly now: () => number
}

/** A host that does not answer is asked again this often at least, by one request: it may be back any moment. */
const MAX_PROBE_MS = 4000

interface Outage {
  /** What the host had served before: one more, and the outage is over. */
  readonly served: number
  readonly sinceMs: number
  failures: number
}

/**
 * Decides from the failures of single requests when all requests to a host have to wait.
 *
 * A server that says when to come back says it to all of us. One that cannot be reached at all is asked by one request
 * after another, with growing pauses: hundreds of waiting blobs must not use up their attempts in the first seconds of a
 * restart that takes ten.
 */
export class HostPauses {
  readonly #deps: HostPausesDeps
  readonly #outages = new Map<string, Outage>()

  constructor(deps: HostPausesDeps) {
    this.#deps = deps
  }

  /**
   * Call it before the slot is left: whoever waits for that must find the lane paused.
   * @param elsewhere whether those who wait for this host can go to another one.
   */
  note(host: string, error: unknown, elsewhere = false): void {
    if (!isHearthError(error)) return
    const { lanes, policy } = this.#deps
    const { retryAfterMs } = error.details
    if (typeof retryAfterMs === 'number') {
      // A pause that nobody will wait for is none: the others are to hear it from the server, and to fail.
      const ms = elsewhere ? Math.min(retryAfterMs, policy.maxRetryAfterMs) : retryAfterMs
      if (ms <= policy.maxRetryAfterMs) lanes.pause(host, { ms, reason: 'asked' })
    } else if (error.code === 'CONNECTION_FAILED' || (elsewhere && UNREACHABLE.has(error.code))) {
      this.#noteUnreachable(host, elsewhere)
    }
  }

  #noteUnreachable(host: string, elsewhere: boolean): void {
    const { lanes, now, policy, random } = this.#deps
    // Under way when the first one failed: they tell nothing new.
    if (lanes.isPaused(host)) return
    const outage = this.#outageOf(host)
    // Then everybody who waits finds out for himself, by his own attempts: a job has to end.
    const hopeless = policy.retries === 0 || now() - outage.sinceMs > policy.maxDelayMs
    if (hopeless && !elsewhere) return
    outage.failures += 1
    const maxDelayMs = elsewhere ? policy.maxDelayMs : Math.min(policy.maxDelayMs, MAX_PROBE_MS)
    lanes.pause(host, { ms: retryDelayMs({ ...policy, maxDelayMs }, outage.failures, random()), reason: 'unreachable' })
  }

  #outageOf(host: string): Outage {
    const served = this.#deps.lanes.served(host)
    const known = this.#outages.get(host)
    if (known?.served === served) return known
    const outage = { served, sinceMs: this.#deps.now(), failures: 0 }
    this.#outages.set(host, outage)
    return outage
  }
}

/** What makes a mirror useless for now. Of a registry itself, an image's own attempts find out. */
const UNREACHABLE: ReadonlySet<string> = new Set(['TIMEOUT', 'HOST_UNKNOWN', 'TLS_FAILED'])
