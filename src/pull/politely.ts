import type { Observable } from 'rxjs'
import { type HearthError, isHearthError } from '../errors.js'
import type { RetryPolicy } from '../options.js'
import type { Jobs } from './abortable.js'
import type { Lanes } from './lanes.js'
import { type RetryHooks, retryWhenUseful } from './retry.js'

export interface PolitelyDeps {
  readonly lanes: Lanes
  readonly jobs: Jobs
  readonly retry: RetryPolicy
  readonly hooks: Pick<RetryHooks, 'random' | 'scheduler'>
}

export interface Turn {
  /** Whose lane: a registry, as it stands in references. */
  readonly host: string
  readonly onRetry: (retry: { readonly attempt: number; readonly delayMs: number; readonly error: HearthError }) => void
  /** Whether the failed attempt got somewhere. */
  readonly progressed?: () => boolean
}

/** Runs what asks a host something in that host's lane, and again while that is useful. The lane is left in between. */
export function politely<T>(
  ask: (signal: AbortSignal) => Promise<T>,
  { host, onRetry, progressed }: Turn,
  { lanes, jobs, retry, hooks }: PolitelyDeps,
): Observable<T> {
  const inLane = async (signal: AbortSignal): Promise<T> => {
    const slot = await lanes.enter(host, signal)
    try {
      return await ask(signal)
    } catch (error) {
      pauseLane(lanes, host, error, retry)
      throw error
    } finally {
      slot.leave()
    }
  }
  return jobs.run(inLane).pipe(retryWhenUseful(retry, { ...hooks, onRetry, ...(progressed && { progressed }) }))
}

/**
 * A server that says when to come back says it to all of us. Call it before the slot is left: whoever waits for that must
 * find the lane paused. A pause that nobody will wait for is none: the others are to hear it from the server, and to fail.
 */
export function pauseLane(lanes: Lanes, host: string, error: unknown, policy: RetryPolicy): void {
  const retryAfterMs = isHearthError(error) ? error.details.retryAfterMs : undefined
  if (typeof retryAfterMs === 'number' && retryAfterMs <= policy.maxRetryAfterMs) lanes.pause(host, retryAfterMs)
}
