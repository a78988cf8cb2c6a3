import type { ProgressEvent } from '../index.js'
import type { ProgressSource } from './progress-display.js'
import { frame } from './progress-frame.js'
import { createRemarks } from './progress-remarks.js'
import { applyProgress, type ProgressView } from './progress-view.js'

/** A pull as something to show. The view stays the caller's. */
export function pullProgress(view: ProgressView): ProgressSource<ProgressEvent> {
  return {
    apply: (event, nowMs) => applyProgress(view, event, nowMs),
    frame: (nowMs, rows) => frame(view, nowMs, rows),
    remarks: createRemarks(),
  }
}
