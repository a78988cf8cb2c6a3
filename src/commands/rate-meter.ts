/** Counts bytes and tells how fast they came lately. Changed in place. */
export interface RateMeter {
  bytes: number
  /** Recent counts, oldest first: their slope is the rate. */
  readonly samples: { readonly atMs: number; readonly bytes: number }[]
}

const SAMPLE_EVERY_MS = 200
const WINDOW_MS = 5000

/** A meter that starts now. */
export function newRateMeter(nowMs: number): RateMeter {
  return { bytes: 0, samples: [{ atMs: nowMs, bytes: 0 }] }
}

/** Adds bytes that came since the last call. */
export function countBytes(meter: RateMeter, bytes: number, nowMs: number): void {
  meter.bytes += bytes
  const { samples } = meter
  const last = samples.at(-1)
  if (last !== undefined && nowMs - last.atMs < SAMPLE_EVERY_MS) return
  samples.push({ atMs: nowMs, bytes: meter.bytes })
  // One sample older than the window stays: the slope is taken from it.
  while ((samples[1]?.atMs ?? Number.POSITIVE_INFINITY) <= nowMs - WINDOW_MS) samples.shift()
}

/** The average over the last seconds: it falls to 0 when nothing comes any more. */
export function bytesPerSecondOf({ samples, bytes }: RateMeter, nowMs: number): number {
  const from = samples.findLast(({ atMs }) => atMs <= nowMs - WINDOW_MS) ?? samples[0]
  if (from === undefined || nowMs <= from.atMs) return 0
  return ((bytes - from.bytes) * 1000) / (nowMs - from.atMs)
}
