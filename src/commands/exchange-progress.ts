import type { ExchangeProgress } from '../index.js'
import { type Pace, paceParts } from './pace-text.js'
import { printable } from './printable.js'
import type { ProgressSource } from './progress-display.js'

/** An export, an import or a copy as something to show: one line. Each source of an import begins anew. */
export function exchangeProgress(startMs: number): ProgressSource<ExchangeProgress> {
  let last: ExchangeProgress | undefined
  let begunMs = startMs
  return {
    apply: (event, nowMs) => {
      if (last !== undefined && sourceOf(last) !== sourceOf(event)) begunMs = nowMs
      last = event
    },
    frame: (nowMs) => [last === undefined ? 'reading what there is' : exchangeLine(last, nowMs - begunMs)],
    remarks: () => [],
    record: () => undefined,
    totals: () => last,
  }
}

/** `images.tar: 1.2 GiB of 3.4 GiB, 560.0 MiB/s, 4.0 s left`. */
function exchangeLine(event: ExchangeProgress & Pace, elapsedMs: number): string {
  const source = sourceOf(event)
  const named = source === undefined ? '' : `${printable(source)}: `
  return named + paceParts(event, elapsedMs).join(', ')
}

function sourceOf(event: ExchangeProgress): string | undefined {
  return event.type === 'import-progress' ? event.source : undefined
}
