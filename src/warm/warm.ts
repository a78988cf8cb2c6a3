import { HearthError, toFailure } from '../errors.js'
import type { HostPlatform } from '../oci/platform.js'
import { parseWanted } from '../pull/platforms.js'
import type { PullTarget } from '../pull/pull.js'
import type { FailedImage, PullReport, PullResult } from '../pull/report.js'
import { type GatherDeps, type Gathered, type GatherRequest, gather } from './gather.js'
import { imagesOfLock } from './lock-file.js'
import { parseLock } from './parse-input.js'
import { pinTo } from './pin.js'
import type { WarmReport, WarmTotals } from './reports.js'
import type { WantedImage } from './wanted-image.js'

export interface WarmRequest extends GatherRequest {
  /** A lock file: exactly its digests are pulled. */
  readonly locked?: string
  readonly failFast?: boolean
}

export interface WarmDeps extends GatherDeps {
  readonly pull: (targets: readonly PullTarget[]) => Promise<PullReport>
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number
}

/**
 * Pulls everything that arguments and files name, as one job.
 * @throws HearthError REFERENCE_INVALID, INPUT_INVALID, LOCK_MISSING before anything is fetched; and as a pull does.
 */
export async function warm(request: WarmRequest, deps: WarmDeps): Promise<WarmReport> {
  const started = deps.now()
  const { images, failures } = await gatherLocked(request, deps)
  const stopped = request.failFast === true && failures.length > 0
  const results = stopped ? images.map(notStarted) : await pullAll(images, deps)
  const all = [...failures, ...results]
  return { results: all, totals: totalsOf(all, deps.now() - started) }
}

/** As {@link gather}, and with the digests of a lock if there is one: all of its images when nothing else is named. */
export async function gatherLocked(request: WarmRequest, deps: GatherDeps): Promise<Gathered> {
  const { locked, references, files, signal } = request
  if (locked === undefined) return gather(request, deps)
  const lock = await parseLock(await deps.readFile(locked, signal), locked)
  if (references.length + files.length === 0) return { images: imagesOfLock(lock), failures: [], built: [] }
  const gathered = await gather(request, deps)
  return { ...gathered, images: pinTo(lock, gathered.images, locked) }
}

/** Pure. An image as the coordinator takes it. @throws HearthError PLATFORM_INVALID */
export function targetOf({ reference, platforms, digest }: WantedImage, host: HostPlatform): PullTarget {
  const wanted = platforms === undefined ? undefined : parseWanted(platforms, host)
  return { reference, ...(wanted !== undefined && { wanted }), ...(digest !== undefined && { digest }) }
}

async function pullAll(images: readonly WantedImage[], { host, pull }: WarmDeps): Promise<readonly PullResult[]> {
  if (images.length === 0) return []
  return (await pull(images.map((image) => targetOf(image, host)))).results
}

function notStarted({ reference }: WantedImage): FailedImage {
  const failure = toFailure(new HearthError('ABORTED', 'another image failed'))
  return { ok: false, requested: reference, reference, failure }
}

function totalsOf(results: readonly PullResult[], elapsedMs: number): WarmTotals {
  const there = results.flatMap((result) => (result.ok ? [result] : []))
  const pulled = there.filter(({ changed, fetchedBlobs }) => changed || fetchedBlobs > 0).length
  return {
    images: results.length,
    pulled,
    upToDate: there.length - pulled,
    failed: results.length - there.length,
    fetchedBlobs: there.reduce((sum, { fetchedBlobs }) => sum + fetchedBlobs, 0),
    fetchedBytes: there.reduce((sum, { fetchedBytes }) => sum + fetchedBytes, 0),
    elapsedMs: Math.round(elapsedMs),
  }
}
