import type { VerifyProgress } from '../index.js'
import type { ProgressSource } from './progress-display.js'
import { count, formatBytes, formatDuration } from './units.js'

/** A verification as something to show: one line. */
export function verifyProgress(startMs: number): ProgressSource<VerifyProgress> {
  let last: VerifyProgress | undefined
  return {
    apply: (event) => {
      last = event
    },
    frame: (nowMs) => [last === undefined ? 'reading the log' : verifyLine(last, nowMs - startMs)],
    remarks: () => [],
    record: () => undefined,
    totals: () => last,
  }
}

/** `12/40 blobs, 1.2 GiB of 3.4 GiB, 560.0 MiB/s, 4.0 s left`. */
export function verifyLine({ blobs, totalBlobs, bytes, totalBytes }: VerifyProgress, elapsedMs: number): string {
  const rate = elapsedMs > 0 ? (bytes * 1000) / elapsedMs : 0
  const left = totalBytes - bytes
  return [
    `${blobs}/${count(totalBlobs, 'blob')}`,
    `${formatBytes(bytes)} of ${formatBytes(totalBytes)}`,
    ...(rate > 0 ? [`${formatBytes(rate)}/s`] : []),
    ...(rate > 0 && left > 0 ? [`${formatDuration((left / rate) * 1000)} left`] : []),
  ].join(', ')
}
