/**
 * The coordinator. One image on its way:
 *
 *     1 reference    "redis:7" → docker.io/library/redis:7   oci/reference.ts       pure
 *     2 resolve      Reference → root Descriptor             resolve.ts             asks the registry
 *     3 plan         manifests + what we hold → what to get  read-image.ts, plan.ts leaves before parents
 *     4 fetch        bytes into an Ingest                    fetch.ts               RxJS decides, workers move the bytes
 *     5 verify       size and digest, while streaming        workers/fetch-blob.ts
 *     6 commit       Ingest → blobs/<algorithm>/<encoded>    recorder.ts            fsync, rename, fsync folder
 *     7 record       BlobCommitted…, ReferenceSet            recorder.ts            one synced batch
 *     8 materialise  log → index.json                        recorder.ts            one atomic write
 *
 * 1 to 6 are safe to repeat, 7 is the moment it becomes true, 8 can always be made again from 7.
 */
import { catchError, from, groupBy, mergeMap, of } from 'rxjs'
import type { BlobStore, Claims, Leases } from '../blobs/blob-store.js'
import type { DiskSpace } from '../blobs/disk-space.js'
import { HearthError, toFailure } from '../errors.js'
import type { EventLog } from '../log/event-log.js'
import type { Digest } from '../oci/digest.js'
import { formatReference, parseReference, referenceIn } from '../oci/reference.js'
import { withoutUser } from '../oci/without-user.js'
import type { PullPolicy, ResolvedOptions } from '../options.js'
import type { Pool } from '../pool/pool.js'
import type { RegistryReader } from '../registry/registry.js'
import { collect, firstOf } from './abortable.js'
import type { Lanes, LanesOptions } from './lanes.js'
import type { WantedPlatforms } from './plan.js'
import type { OnProgress } from './progress.js'
import { pullImage } from './pull-image.js'
import type { Recorder } from './recorder.js'
import type { PullReport, PullResult } from './report.js'
import type { RetryHooks } from './retry.js'
import { openRun } from './run.js'

/**
 * Images of one registry under way at once: what is known of them is what the lanes can order. In the simulation
 * (bench/pull/scheduler.bench.ts) 64 leave large layers for the end; 256 are up to 4 % faster than 128 where layers are huge, but a
 * pull of 1,000 images took 24 MB more of memory.
 * Each registry has its own: one that asks for a pause holds up nobody else's images.
 */
export const IMAGES_AT_ONCE = 128

export interface PullDeps {
  readonly registry: RegistryReader
  readonly pool: Pool
  readonly blobs: BlobStore
  readonly claims: Claims
  readonly leases: Leases
  readonly log: EventLog
  /** Absent: what does not fit is noticed when the disk is full. */
  readonly disk?: DiskSpace
  readonly recorder: Recorder
  readonly options: Pick<ResolvedOptions, 'jobs' | 'retry' | 'durability'>
  readonly boot: string
  readonly hooks?: Pick<RetryHooks, 'random' | 'scheduler'> & Pick<LanesOptions, 'newOrder'>
}

/** An image with wishes of its own, in place of the request's. */
export interface PullTarget {
  readonly reference: string
  readonly wanted?: WantedPlatforms
  /** The root that the reference gets, whatever its tag names in the registry. */
  readonly digest?: Digest
}

export interface PullRequest {
  /** As the user wrote them. */
  readonly references: readonly (string | PullTarget)[]
  readonly wanted: WantedPlatforms
  /** The user named platforms: a plain image made for another one is refused. */
  readonly strict: boolean
  readonly policy: PullPolicy
  /** The first failure ends the others with ABORTED. Default: each image for itself. */
  readonly failFast?: boolean
  /** Also what refers to the images: signatures, attestations, bills of materials. */
  readonly referrers?: boolean
  readonly onProgress: OnProgress
  readonly signal?: AbortSignal
}

/**
 * Pulls many images as one job: each distinct blob once, one budget per host. One image's failure is its own result.
 * @throws HearthError ABORTED; LOG_… and STORE_… when index.json could not be brought up to date at the end.
 */
export async function pull(request: PullRequest, deps: PullDeps): Promise<PullReport> {
  if (request.signal?.aborted) throw new HearthError('ABORTED', 'stopped before it began')
  const run = openRun(request, deps)
  const others = new AbortController()
  const targets = request.references.map((target, place) => placed(target, place, run.lanes))
  if (!request.signal?.aborted) request.onProgress({ type: 'job-started', images: targets.length })
  const pullPlaced = (target: PlacedTarget) =>
    run.jobs
      .run((signal) => pullOne(target, signal))
      .pipe(
        catchError((error: unknown) => {
          if (request.failFast) others.abort()
          return of(failed(target.reference, error, request.onProgress))
        }),
        mergeMap((result) => of({ place: target.place, result })),
      )
  const images = from(targets).pipe(
    groupBy(({ registry }) => registry),
    mergeMap((ofOneRegistry) => ofOneRegistry.pipe(mergeMap(pullPlaced, IMAGES_AT_ONCE)), Number.POSITIVE_INFINITY),
  )
  const pullOne = async (target: PlacedTarget, signal: AbortSignal): Promise<PullResult> => {
    const { reference, wanted, digest, planned } = target
    try {
      if (others.signal.aborted) throw new HearthError('ABORTED', 'another image failed')
      const own = wanted === undefined ? request : { ...request, wanted, strict: true }
      return await pullImage(reference, parseReference(reference), {
        ...run,
        request: own,
        planned,
        signal: request.failFast ? firstOf(signal, others.signal) : signal,
        ...(digest !== undefined && { pinned: digest }),
      })
    } finally {
      planned()
    }
  }
  try {
    const results = await collect(images, request.signal)
    return { results: results.toSorted((a, b) => a.place - b.place).map(({ result }) => result) }
  } finally {
    // What was asked to stop may be in the middle of a commit: nothing goes on behind the caller's back.
    await run.jobs.stopped()
    await deps.recorder.flush()
  }
}

interface PlacedTarget extends PullTarget {
  readonly place: number
  /** Empty when the reference is none. */
  readonly registry: string
  /** To be called when it is known what the image consists of. */
  readonly planned: () => void
}

function placed(target: string | PullTarget, place: number, lanes: Lanes): PlacedTarget {
  const whole = typeof target === 'string' ? { reference: target } : target
  const registry = referenceIn(whole.reference)?.registry ?? ''
  return { ...whole, place, registry, planned: lanes.expect(registry) }
}

function failed(given: string, error: unknown, onProgress: OnProgress): PullResult {
  const failure = toFailure(error)
  const parsed = referenceIn(given)
  const requested = withoutUser(given)
  const reference = parsed && formatReference(parsed)
  onProgress({ type: 'image-failed', image: reference ?? requested, failure })
  return { ok: false, requested, ...(reference !== undefined && { reference }), failure }
}
