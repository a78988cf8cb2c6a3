import type { ProgressView } from './progress-view.js'
import { bytesPerSecondOf } from './rate-meter.js'

/** The sums of a view at one moment. */
export interface Totals {
  readonly bytes: number
  /** Bytes of everything planned so far; shared blobs count once they are known to be shared. */
  readonly totalBytes: number
  readonly bytesPerSecond: number
  /** Absent while the rate is unknown or nothing is left. */
  readonly remainingMs?: number
}

/** Adds up a view. Nothing is remembered: the rate comes from the view's own meter. */
export function totalsOf(view: ProgressView, nowMs: number): Totals {
  let bytes = view.finishedBytes
  for (const blob of view.blobs.values()) bytes += blob.bytes
  const totalBytes = Math.max(view.plannedBytes, bytes)
  const bytesPerSecond = bytesPerSecondOf(view.received, nowMs)
  const left = totalBytes - bytes
  return {
    bytes,
    totalBytes,
    bytesPerSecond,
    ...(left > 0 && bytesPerSecond > 0 && { remainingMs: (left / bytesPerSecond) * 1000 }),
  }
}
