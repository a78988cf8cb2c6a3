import {
  asyncScheduler,
  defer,
  type MonoTypeOperatorFunction,
  type Observable,
  retry,
  type SchedulerLike,
  throwError,
  timer,
} from 'rxjs'
import { type ErrorCode, HearthError, isHearthError } from '../errors.js'
import type { RetryPolicy } from '../options.js'

export interface RetryHooks {
  /** In [0, 1). */
  readonly random?: () => number
  readonly scheduler?: SchedulerLike
  /** Whether the failed attempt got somewhere: then the count of fruitless attempts begins again. Asked once for each. */
  readonly progressed?: (error: unknown) => boolean
  readonly onRetry?: (retry: {
    readonly attempt: number
    readonly delayMs: number
    readonly error: HearthError
  }) => void
}

/** Pure. Full jitter: anywhere from 0 to the capped exponential ceiling. `random` is in [0, 1). */
export function retryDelayMs(policy: RetryPolicy, attempt: number, random: number): number {
  return Math.floor(random * Math.min(policy.maxDelayMs, policy.minDelayMs * 2 ** (attempt - 1)))
}

/**
 * Pure: how long to wait before the next attempt. What a server asks for with Retry-After is kept exactly, plus jitter so
 * that a fleet does not come back in step. Where only a mirror may still give what is wanted, the mirror's word counts.
 * @throws the error itself when another attempt is not useful: not retryable, too many, or the server's pause is too long.
 */
export function nextDelayMs(policy: RetryPolicy, attempt: number, error: unknown, random: number): number {
  if (!isHearthError(error) || !worthRetrying(error) || attempt > policy.retries) throw error
  const jitter = retryDelayMs(policy, attempt, random)
  const retryAfterMs = error.details.mirrorRetryAfterMs ?? error.details.retryAfterMs
  if (typeof retryAfterMs !== 'number' || retryAfterMs === 0) return jitter
  if (retryAfterMs <= policy.maxRetryAfterMs) return retryAfterMs + Math.min(jitter, 1000)
  const seconds = Math.ceil(retryAfterMs / 1000)
  throw new HearthError(error.code, `${error.message}; it asks to come back in ${seconds} s`, error.details, error)
}

/** Subscribes again after failures that may pass. Waits on the scheduler alone. Each subscriber has attempts of its own. */
export function retryWhenUseful<T>(policy: RetryPolicy, hooks: RetryHooks = {}): MonoTypeOperatorFunction<T> {
  const { random = Math.random, scheduler = asyncScheduler, progressed, onRetry } = hooks
  return (source) =>
    defer(() => {
      let attempt = 0
      const delay = (error: unknown): Observable<unknown> => {
        attempt = progressed?.(error) ? 1 : attempt + 1
        try {
          const delayMs = nextDelayMs(policy, attempt, error, random())
          onRetry?.({ attempt, delayMs, error: error as HearthError })
          return timer(delayMs, scheduler)
        } catch (final) {
          return throwError(() => final)
        }
      }
      return source.pipe(retry({ delay }))
    })
}

/** Retryable later, perhaps, but not by this call. */
const NOT_AGAIN: readonly ErrorCode[] = [
  // Wrong bytes were already fetched twice by the worker: asking the same server a third time wastes the line.
  'DIGEST_MISMATCH',
  'SIZE_MISMATCH',
  // The other process was waited for as long as the user wants to.
  'LOG_BUSY',
  'STORE_BUSY',
]

function worthRetrying(error: HearthError): boolean {
  return typeof error.details.mirrorRetryAfterMs === 'number' || (error.retryable && !NOT_AGAIN.includes(error.code))
}
