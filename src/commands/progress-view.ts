import type { Digest, Failure, ProgressEvent } from '../index.js'
import { countBytes, newRateMeter, type RateMeter } from './rate-meter.js'
import { unreachable } from './unreachable.js'

/** Why a blob that is under way gets no bytes right now; absent while it does. */
export type Pause =
  | { readonly kind: 'another-process'; readonly pid?: number }
  | { readonly kind: 'retry'; readonly attempt: number; readonly untilMs: number; readonly failure: Failure }

/** A blob under way. */
export interface BlobView {
  readonly digest: Digest
  readonly size: number
  readonly bytes: number
  /** Absent while another process fetches it. */
  readonly host?: string
  readonly pause?: Pause
  /** Bytes at the first report: they may have been on disk already, so they tell nothing about the speed. */
  readonly firstBytes?: number
}

/** More would push the blobs out of the window; all of them stand in the results. */
const FAILURES_SHOWN = 3

/** Why a host is left alone, and until when. */
export interface HostPause {
  readonly reason: 'asked' | 'unreachable'
  readonly untilMs: number
}

/**
 * What is known of a pull while it runs. Changed in place by {@link applyProgress}: a copy for each event would cost
 * O(images²) over a warm of many images.
 */
export interface ProgressView {
  images: number
  done: number
  failed: number
  /** Bytes of blobs that this pull has finished. */
  finishedBytes: number
  /** Bytes to fetch by plan, for each image that is not finished; of finished ones, what they fetched. */
  plannedBytes: number
  /** Bytes of finished blobs that were on disk already: planned, but in no image's count of what it fetched. */
  unsettledBytes: number
  readonly planned: Map<string, number>
  readonly blobs: Map<Digest, BlobView>
  /** Images whose requests wait for another attempt. */
  readonly retries: Map<string, Pause & { readonly kind: 'retry' }>
  /** Hosts that nobody asks for now, in the order in which that began; some may be over. */
  readonly hostPauses: Map<string, HostPause>
  /** The last few that failed. */
  failures: readonly { readonly image: string; readonly code: string }[]
  /** Counts bytes that came over the network, as far as is known. */
  readonly received: RateMeter
}

/** The view before the first event. @param images how many were asked for. */
export function newProgressView(images: number, nowMs: number): ProgressView {
  return {
    images,
    done: 0,
    failed: 0,
    finishedBytes: 0,
    plannedBytes: 0,
    unsettledBytes: 0,
    planned: new Map(),
    blobs: new Map(),
    retries: new Map(),
    hostPauses: new Map(),
    failures: [],
    received: newRateMeter(nowMs),
  }
}

/** Folds one event into the view. The caller brings the time. */
export function applyProgress(view: ProgressView, event: ProgressEvent, nowMs: number): void {
  switch (event.type) {
    case 'job-started':
      view.images = event.images
      return
    case 'host-paused':
      view.hostPauses.set(event.host, { reason: event.reason, untilMs: nowMs + event.delayMs })
      return
    case 'image-started':
    case 'image-resolved':
    case 'image-planned':
    case 'image-done':
    case 'image-failed':
    case 'request-retry':
      applyImage(view, event, nowMs)
      return
    case 'blob-started':
    case 'blob-progress':
    case 'blob-waiting':
    case 'blob-retry':
    case 'blob-failed':
    case 'blob-done':
      applyBlob(view, event, nowMs)
      return
    default:
      unreachable(event)
  }
}

function applyImage(view: ProgressView, event: Extract<ProgressEvent, { image: string }>, nowMs: number): void {
  const { image } = event
  if (event.type === 'request-retry') {
    view.retries.set(image, retryPause(event, nowMs))
    return
  }
  view.retries.delete(image)
  if (event.type === 'image-planned') settle(view, image, event.bytes)
  if (event.type === 'image-done') {
    view.done += 1
    settle(view, image, event.fetchedBytes + view.unsettledBytes)
    view.unsettledBytes = 0
    view.planned.delete(image)
  }
  if (event.type === 'image-failed') {
    view.failed += 1
    view.failures = [...view.failures, { image, code: event.failure.code }].slice(-FAILURES_SHOWN)
    settle(view, image, 0)
    view.planned.delete(image)
  }
}

/** Replaces what an image was expected to fetch by what is known now. */
function settle(view: ProgressView, image: string, bytes: number): void {
  view.plannedBytes += bytes - (view.planned.get(image) ?? 0)
  view.planned.set(image, bytes)
}

function applyBlob(
  view: ProgressView,
  event: Extract<ProgressEvent, { digest: Digest; type: `blob-${string}` }>,
  nowMs: number,
): void {
  const { digest } = event
  const { pause: _, ...known } = view.blobs.get(digest) ?? { digest, size: 0, bytes: 0 }
  switch (event.type) {
    case 'blob-started':
      view.blobs.set(digest, { ...known, size: event.size, host: event.host })
      return
    case 'blob-progress': {
      const { size, bytes } = event
      if (known.firstBytes !== undefined) countBytes(view.received, Math.max(0, bytes - known.bytes), nowMs)
      view.blobs.set(digest, { ...known, size, bytes, firstBytes: known.firstBytes ?? bytes })
      return
    }
    case 'blob-waiting':
      view.blobs.set(digest, {
        ...known,
        pause: { kind: event.for, ...(event.pid !== undefined && { pid: event.pid }) },
      })
      return
    case 'blob-retry':
      view.blobs.set(digest, { ...known, pause: retryPause(event, nowMs) })
      return
    case 'blob-failed':
      view.blobs.delete(digest)
      return
    case 'blob-done':
      view.finishedBytes += event.size
      view.unsettledBytes += event.resumedBytes
      if (known.host !== undefined) countBytes(view.received, lastBytes(known, event), nowMs)
      view.blobs.delete(digest)
      return
    default:
      unreachable(event)
  }
}

/** What a finished blob received that no progress event has counted. */
function lastBytes(known: BlobView, { size, resumedBytes }: { readonly size: number; readonly resumedBytes: number }) {
  const uncounted = known.firstBytes === undefined ? size : size - known.bytes + known.firstBytes
  return Math.max(0, uncounted - resumedBytes)
}

function retryPause(
  { attempt, delayMs, failure }: { readonly attempt: number; readonly delayMs: number; readonly failure: Failure },
  nowMs: number,
): Pause & { readonly kind: 'retry' } {
  return { kind: 'retry', attempt, untilMs: nowMs + delayMs, failure }
}
