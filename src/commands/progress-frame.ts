import type { Failure } from '../index.js'
import { printable } from './printable.js'
import { totalsOf } from './progress-totals.js'
import type { BlobView, HostPause, Pause, ProgressView } from './progress-view.js'
import { count, formatBytes, formatDuration } from './units.js'

const BAR_COLUMNS = 20
const DIGEST_COLUMNS = 'sha256:'.length + 12

/** The whole pull in one line: `3/40 images, 1.2 GiB of 3.4 GiB, 56.0 MiB/s, 40 s left`. */
export function headline(view: ProgressView, nowMs: number): string {
  const { bytes, totalBytes, bytesPerSecond, remainingMs } = totalsOf(view, nowMs)
  return [
    `${view.done}/${count(view.images, 'image')}`,
    ...(view.failed > 0 ? [`${view.failed} failed`] : []),
    ...(totalBytes > 0 ? [`${formatBytes(bytes)} of ${formatBytes(totalBytes)}`] : []),
    ...(bytesPerSecond > 0 ? [`${formatBytes(bytesPerSecond)}/s`] : []),
    ...(remainingMs === undefined ? [] : [`${formatDuration(remainingMs)} left`]),
  ].join(', ')
}

/**
 * The headline, the hosts that pause, what failed last, then a line for each blob under way and for each image that waits,
 * as many as `rows` allows. If that is one, it names the hosts too.
 */
export function frame(view: ProgressView, nowMs: number, rows: number): string[] {
  const pauses = pausesOf(view, nowMs)
  if (rows <= 1) return [[headline(view, nowMs), ...pauses].join(', ')]
  const details = [
    ...pauses.map((text) => `  ${text}`),
    ...view.failures.map(({ image, code }) => `  ${printable(image)}  failed: ${code}`),
    ...[...view.blobs.values()].map((blob) => `  ${blobLine(blob, nowMs)}`),
    ...[...view.retries].map(([image, pause]) => `  ${printable(image)}  ${pauseText(pause, nowMs)}`),
  ]
  const room = Math.max(0, rows - 1)
  const hidden = details.length - room
  // The line that says how many are hidden takes the place of one more.
  const shown = hidden > 0 ? [...details.slice(0, Math.max(0, room - 1)), `  … and ${hidden + 1} more`] : details
  return [headline(view, nowMs), ...shown].slice(0, Math.max(1, rows))
}

/** What a stopped pull leaves behind, in a sentence. */
export function keptText(view: ProgressView): string {
  let partial = 0
  for (const { bytes } of view.blobs.values()) partial += bytes
  const images = `${view.done} of ${count(view.images, 'image')} complete`
  const blobs = `${formatBytes(view.finishedBytes + partial)} of downloads kept for the next time`
  return `${images}, ${blobs}`
}

/** `retry 2 in 3.2 s: CODE: message (host)`. */
export function retryText(attempt: number, delayMs: number, { code, message, details }: Failure): string {
  const host = details.host === undefined ? '' : ` (${details.host})`
  return printable(`retry ${attempt} in ${formatDuration(delayMs)}: ${code}: ${message}${host}`)
}

/** `registry.example asks to wait 12 s`. */
export function hostPauseText(host: string, leftMs: number, reason: HostPause['reason']): string {
  const left = formatDuration(Math.max(0, leftMs))
  return reason === 'asked'
    ? `${printable(host)} asks to wait ${left}`
    : `${printable(host)} cannot be reached, asked again in ${left}`
}

/** As much of a digest as tells blobs apart on a screen. */
export function shortDigest(digest: string): string {
  return digest.slice(0, DIGEST_COLUMNS)
}

/** `[=====>    ]` of a share from 0 to 1. */
export function bar(share: number, columns = BAR_COLUMNS): string {
  const full = Math.floor(Math.min(1, Math.max(0, share)) * columns)
  return `[${'='.repeat(full)}${full < columns ? '>' : ''}${' '.repeat(Math.max(0, columns - full - 1))}]`
}

function blobLine({ digest, size, bytes, host, pause }: BlobView, nowMs: number): string {
  const name = shortDigest(digest).padEnd(DIGEST_COLUMNS)
  if (pause !== undefined) return `${name}  ${pauseText(pause, nowMs)}`
  const share = size === 0 ? 1 : bytes / size
  const percent = `${Math.floor(share * 100)}%`.padStart(4)
  return `${name}  ${bar(share)} ${percent}  ${formatBytes(bytes)} of ${formatBytes(size)}  ${printable(host ?? '')}`
}

/** What a blob waits for that somebody else fetches. */
export function waitText(pid: number | undefined): string {
  return `waiting for ${pid === undefined ? 'another process that' : `process ${pid}, which`} fetches it`
}

function pauseText(pause: Pause, nowMs: number): string {
  if (pause.kind === 'another-process') return waitText(pause.pid)
  return retryText(pause.attempt, Math.max(0, pause.untilMs - nowMs), pause.failure)
}

/** Those that are not over. */
function pausesOf({ hostPauses }: ProgressView, nowMs: number): readonly string[] {
  const current = [...hostPauses].filter(([, { untilMs }]) => untilMs > nowMs)
  return current.map(([host, { reason, untilMs }]) => hostPauseText(host, untilMs - nowMs, reason))
}
