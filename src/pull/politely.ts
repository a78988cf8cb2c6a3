import type { Observable } from 'rxjs'
import type { HearthError } from '../errors.js'
import type { RetryPolicy } from '../options.js'
import type { Jobs } from './abortable.js'
import type { HostPauses } from './host-pauses.js'
import type { Lanes } from './lanes.js'
import { servedMeanwhile } from './patience.js'
import { type RetryHooks, retryWhenUseful } from './retry.js'
import type { Errand } from './turn-order.js'

export interface PolitelyDeps {
  readonly lanes: Lanes
  readonly pauses: HostPauses
  readonly jobs: Jobs
  readonly retry: RetryPolicy
  readonly hooks: Pick<RetryHooks, 'random' | 'scheduler'>
}

export interface Turn {
  /** Whose lane: a registry, as it stands in references. */
  readonly host: string
  /** Default: a small request. */
  readonly errand?: Errand
  readonly onRetry: (retry: { readonly attempt: number; readonly delayMs: number; readonly error: HearthError }) => void
  /** Whether the failed attempt got somewhere. */
  readonly progressed?: () => boolean
}

/** Runs what asks a host something in that host's lane, and again while that is useful. The lane is left in between. */
export function politely<T>(
  ask: (signal: AbortSignal) => Promise<T>,
  { host, errand = 'name', onRetry, progressed }: Turn,
  { lanes, pauses, jobs, retry, hooks }: PolitelyDeps,
): Observable<T> {
  const inLane = async (signal: AbortSignal): Promise<T> => {
    const slot = await lanes.enter(host, errand, signal)
    try {
      const answer = await ask(signal)
      slot.leave('served')
      return answer
    } catch (error) {
      pauses.note(host, error)
      throw error
    } finally {
      slot.leave()
    }
  }
  const wasOthersTurn = servedMeanwhile(lanes, host)
  // Both are asked each time: both remember what was before.
  const gotSomewhere = (error: unknown): boolean => [wasOthersTurn(error), progressed?.() ?? false].includes(true)
  return jobs.run(inLane).pipe(retryWhenUseful(retry, { ...hooks, onRetry, progressed: gotSomewhere }))
}
