import type { VerifyProgress } from '../index.js'
import { paceParts } from './pace-text.js'
import type { ProgressSource } from './progress-display.js'
import { count } from './units.js'

/** A verification as something to show: one line. */
export function verifyProgress(startMs: number): ProgressSource<VerifyProgress> {
  let last: VerifyProgress | undefined
  let begunMs = startMs
  return {
    apply: (event, nowMs) => {
      // What is fetched again has a pace of its own.
      if (last !== undefined && last.type !== event.type) begunMs = nowMs
      last = event
    },
    frame: (nowMs) => [last === undefined ? 'reading the log' : verifyLine(last, nowMs - begunMs)],
    remarks: () => [],
    record: () => undefined,
    totals: () => last,
  }
}

/** `12/40 blobs, 1.2 GiB of 3.4 GiB, 560.0 MiB/s, 4.0 s left`. */
export function verifyLine(event: VerifyProgress, elapsedMs: number): string {
  const { type, blobs, totalBlobs } = event
  const doing = type === 'repair-progress' ? 'fetching again: ' : ''
  return [`${doing}${blobs}/${count(totalBlobs, 'blob')}`, ...paceParts(event, elapsedMs)].join(', ')
}
