import type { PushProgress } from '../index.js'
import { paceParts } from './pace-text.js'
import { printable } from './printable.js'
import type { ProgressSource } from './progress-display.js'
import { retryText, shortDigest } from './progress-frame.js'
import { count } from './units.js'

type Reached = Extract<PushProgress, { readonly type: 'push-progress' }>

const SAME_EVERY_MS = 5000

/** A push as something to show: one line, and what goes wrong on the way. */
export function pushProgress(startMs: number): ProgressSource<PushProgress> {
  let last: Reached | undefined
  const told = new Map<string, number>()
  return {
    apply: (event) => {
      if (event.type === 'push-progress') last = event
    },
    frame: (nowMs) => [last === undefined ? 'asking the registry' : pushLine(last, nowMs - startMs)],
    remarks: (event, nowMs) => {
      if (event.type !== 'push-retry') return []
      const { image, digest, attempt, delayMs, failure } = event
      // As in pulls: the same trouble with the same host is one fact.
      const key = `${failure.code} ${failure.details.host ?? ''}`
      if (nowMs - (told.get(key) ?? Number.NEGATIVE_INFINITY) < SAME_EVERY_MS) return []
      told.set(key, nowMs)
      const what = digest === undefined ? printable(image) : shortDigest(digest)
      return [`${what}: ${retryText(attempt, delayMs, failure)}`]
    },
    record: (event) => (event.type === 'push-progress' ? undefined : event),
    totals: () => last,
  }
}

/** `2/5 blobs, 1.2 MiB of 3.4 GiB, 56.0 MiB/s, 4.0 s left`. */
function pushLine(event: Reached, elapsedMs: number): string {
  return [`${event.blobs}/${count(event.totalBlobs, 'blob')}`, ...paceParts(event, elapsedMs)].join(', ')
}
