import type { Failure, ProgressEvent } from '../index.js'
import { printable } from './printable.js'
import { hostPauseText, retryText, shortDigest, waitText } from './progress-frame.js'
import { formatBytes } from './units.js'

const SAME_EVERY_MS = 5000

/**
 * Turns events into the lines worth keeping where nothing can be redrawn: each image that is done or failed, waits, and
 * retries. The same trouble with the same host is told once in five seconds: a registry that answers 429 to a hundred
 * requests is one fact; so is another process that pulls the same images.
 */
export function createRemarks(): (event: ProgressEvent, nowMs: number) => readonly string[] {
  const lastTold = new Map<string, number>()
  const once = (key: string, line: string, nowMs: number): string[] => {
    const last = lastTold.get(key)
    if (last !== undefined && nowMs - last < SAME_EVERY_MS) return []
    lastTold.set(key, nowMs)
    return [line]
  }
  const retry = (what: string, { attempt, delayMs, failure }: RetryEvent, nowMs: number): string[] =>
    once(`${failure.code} ${failure.details.host ?? ''}`, `${what}: ${retryText(attempt, delayMs, failure)}`, nowMs)
  return (event, nowMs) => {
    switch (event.type) {
      case 'host-paused': {
        const { host, delayMs, reason } = event
        return once(`paused ${host} ${reason}`, hostPauseText(host, delayMs, reason), nowMs)
      }
      case 'image-done':
        return [`${printable(event.image)}: done, ${formatBytes(event.fetchedBytes)} fetched`]
      case 'image-failed':
        return [`${printable(event.image)}: failed: ${event.failure.code}`]
      case 'blob-waiting':
        return once('waiting', `${shortDigest(event.digest)}: ${waitText(event.pid)}`, nowMs)
      case 'blob-retry':
        return retry(shortDigest(event.digest), event, nowMs)
      case 'request-retry':
        return retry(printable(event.image), event, nowMs)
      default:
        return []
    }
  }
}

interface RetryEvent {
  readonly attempt: number
  readonly delayMs: number
  readonly failure: Failure
}
