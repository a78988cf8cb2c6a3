import type { ProgressEvent } from '../index.js'
import type { ProgressSource } from './progress-display.js'
import { frame } from './progress-frame.js'
import { createRecords } from './progress-records.js'
import { createRemarks } from './progress-remarks.js'
import { totalsOf } from './progress-totals.js'
import { applyProgress, type ProgressView } from './progress-view.js'

/** A pull as something to show. The view stays the caller's. */
export function pullProgress(view: ProgressView): ProgressSource<ProgressEvent> {
  return {
    apply: (event, nowMs) => applyProgress(view, event, nowMs),
    frame: (nowMs, rows) => frame(view, nowMs, rows),
    remarks: createRemarks(),
    record: createRecords(),
    totals: (nowMs) => ({ type: 'job-progress', ...recordOf(view, nowMs) }),
  }
}

function recordOf(view: ProgressView, nowMs: number): object {
  const { bytes, totalBytes, bytesPerSecond, remainingMs } = totalsOf(view, nowMs)
  const { images, done, failed } = view
  const left = remainingMs === undefined ? {} : { remainingMs: Math.round(remainingMs) }
  return { images, done, failed, bytes, totalBytes, bytesPerSecond: Math.round(bytesPerSecond), ...left }
}
