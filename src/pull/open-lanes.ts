import { asyncScheduler } from 'rxjs'
import type { RetryPolicy } from '../options.js'
import { HostPauses } from './host-pauses.js'
import { Lanes, type LanesOptions } from './lanes.js'

/** The lanes of a run, and who decides when one of them pauses; both by the same clock. */
export function openLanes(
  width: number,
  policy: RetryPolicy,
  options: LanesOptions = {},
): { readonly lanes: Lanes; readonly pauses: HostPauses } {
  const { random = Math.random, scheduler = asyncScheduler } = options
  const lanes = new Lanes(width, { ...options, random, scheduler })
  return { lanes, pauses: new HostPauses({ lanes, policy, random, now: () => scheduler.now() }) }
}
