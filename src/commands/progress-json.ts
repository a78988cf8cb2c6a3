import { printableJson } from './printable.js'
import type { ProgressDisplay, ProgressSource } from './progress-display.js'

const TOTALS_EVERY_MS = 1000

/**
 * JSON lines for machines: events as they come, the totals every second and at the end.
 * @param epochMs what the display's time has to be added to, for milliseconds since 1970.
 */
export function jsonDisplay<E>(source: ProgressSource<E>, epochMs: number): ProgressDisplay<E> {
  /** Of the totals. There are none before the first event. */
  let toldMs: number | undefined
  let lastMs = 0
  let ended = false
  const line = (record: object | undefined, nowMs: number): string =>
    record === undefined
      ? ''
      : `${printableJson({ at: new Date(Math.round(epochMs + nowMs)).toISOString(), ...record })}\n`
  return {
    event(event, nowMs) {
      lastMs = nowMs
      toldMs ??= nowMs
      source.apply(event, nowMs)
      return line(source.record(event, nowMs), nowMs)
    },
    tick(nowMs) {
      if (toldMs === undefined || nowMs - toldMs < TOTALS_EVERY_MS) return ''
      toldMs = nowMs
      lastMs = nowMs
      return line(source.totals(nowMs), nowMs)
    },
    end() {
      if (ended || toldMs === undefined) return ''
      ended = true
      return line(source.totals(lastMs), lastMs)
    },
  }
}

/** Messages among JSON lines, each as one of them. */
export function messageLines(lines: readonly string[]): readonly string[] {
  return lines.map((text) => printableJson({ type: 'message', text }))
}
