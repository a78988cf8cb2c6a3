import { HearthError, isHearthError } from '../errors.js'
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

/** What a host was paused for last. */
interface Reason {
  readonly error: HearthError
  /** By the clock of the lanes. What a server asked for in full, also where the pause is a shorter one. */
  readonly untilMs: number
  readonly givenUp: boolean
}

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
  readonly #reasons = new Map<string, Reason>()

  constructor(deps: HostPausesDeps) {
    this.#deps = deps
  }

  /**
   * Call it before the slot is left: whoever waits for that must find the lane paused.
   * @param elsewhere whether those who wait for this host can go to another one.
   */
  note(host: string, error: unknown, elsewhere = false): void {
    if (!isHearthError(error)) return
    const { lanes, now, policy } = this.#deps
    const { retryAfterMs } = error.details
    if (typeof retryAfterMs === 'number') {
      // A pause that nobody will wait for is none: the others are to hear it from the server, and to fail.
      const ms = elsewhere ? Math.min(retryAfterMs, policy.maxRetryAfterMs) : retryAfterMs
      if (ms > policy.maxRetryAfterMs) return
      this.#reasons.set(host, { error, untilMs: now() + retryAfterMs, givenUp: false })
      lanes.pause(host, { ms, reason: 'asked' })
    } else if (error.code === 'CONNECTION_FAILED' || (elsewhere && UNREACHABLE.has(error.code))) {
      this.#noteUnreachable(host, error, elsewhere)
    }
  }

  /**
   * Why a host is passed over: what it failed with when it was paused, and in `retryAfterMs` how long it is to be left alone.
   * `givenUp` where it has not been reached for so long that nobody is to wait for it.
   */
  whyPaused(host: string): HearthError {
    const { lanes, now } = this.#deps
    const reason = this.#reasons.get(host)
    if (reason === undefined) return new HearthError('REGISTRY_UNAVAILABLE', `${host} is left alone for now`, { host })
    const { error, untilMs, givenUp } = reason
    const retryAfterMs = Math.ceil(Math.max(lanes.pauseLeftMs(host), untilMs - now(), 0))
    return new HearthError(error.code, error.message, { ...error.details, retryAfterMs, givenUp }, error)
  }

  #noteUnreachable(host: string, error: HearthError, elsewhere: boolean): void {
    const { lanes, now, policy, random } = this.#deps
    // Under way when the first one failed: they tell nothing new.
    if (lanes.isPaused(host)) return
    const outage = this.#outageOf(host)
    // Then everybody who waits finds out for himself, by his own attempts: a job has to end.
    const hopeless = policy.retries === 0 || now() - outage.sinceMs > policy.maxDelayMs
    if (hopeless && !elsewhere) return
    outage.failures += 1
    const maxDelayMs = elsewhere ? policy.maxDelayMs : Math.min(policy.maxDelayMs, MAX_PROBE_MS)
    const ms = retryDelayMs({ ...policy, maxDelayMs }, outage.failures, random())
    this.#reasons.set(host, { error, untilMs: now() + ms, givenUp: hopeless })
    lanes.pause(host, { ms, reason: 'unreachable' })
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
