import { catchError, defer, distinct, from, mergeMap, type Observable, throwError } from 'rxjs'
import type { BlobStore, Claims } from '../blobs/blob-store.js'
import { HearthError, isHearthError, toFailure } from '../errors.js'
import type { Descriptor } from '../oci/descriptor.js'
import { type Reference, repositoryName } from '../oci/reference.js'
import type { RetryPolicy } from '../options.js'
import type { Pool } from '../pool/pool.js'
import type { Durability } from '../pool/tasks.js'
import type { RegistryReader } from '../registry/registry.js'
import type { Jobs } from './abortable.js'
import { isAboutTheSource, trySources } from './fetch-attempt.js'
import type { HostPauses } from './host-pauses.js'
import type { Lanes } from './lanes.js'
import { servedMeanwhile } from './patience.js'
import type { OnProgress } from './progress.js'
import type { Recorder } from './recorder.js'
import { type RetryHooks, retryWhenUseful } from './retry.js'
import type { SingleFlight } from './single-flight.js'

export interface FetchDeps {
  readonly registry: RegistryReader
  readonly pool: Pool
  readonly blobs: BlobStore
  readonly claims: Claims
  readonly recorder: Recorder
  readonly lanes: Lanes
  readonly pauses: HostPauses
  readonly jobs: Jobs
  readonly inFlight: SingleFlight<FetchedBlob>
  /** Whether somebody has committed the blob since it was planned. */
  readonly isPresent: (descriptor: Descriptor, signal: AbortSignal) => Promise<boolean>
  readonly retry: RetryPolicy
  readonly hooks: Pick<RetryHooks, 'random' | 'scheduler'>
  readonly durability: Durability
  readonly boot: string
  readonly onProgress: OnProgress
}

/** A blob that is committed and recorded now. */
export interface FetchedBlob {
  readonly descriptor: Descriptor
  /** For whom it was fetched: images that share it joined that one's download. */
  readonly by: Reference
  /** Bytes over the network. */
  readonly received: number
}

/** An attempt that got this far was not fruitless. */
const PROGRESS_BYTES = 1024 * 1024

/**
 * Step 4 to 7 for the leaves of one image: emits each blob once, as it is committed, in completion order. How many move at
 * once is the lanes' decision, over all images. Fails on the first blob that cannot be had.
 */
export function fetchBlobs(
  reference: Reference,
  plan: readonly Descriptor[],
  deps: FetchDeps,
): Observable<FetchedBlob> {
  return from(plan).pipe(
    distinct((descriptor) => descriptor.digest),
    // Unbounded here on purpose: waiting in a lane costs a closure, and the lane needs to see all that waits.
    mergeMap((descriptor) => fetchShared(reference, descriptor, deps), Number.POSITIVE_INFINITY),
  )
}

/**
 * Joins a download of the same blob, if there is one. If that fails in another repository, ours may still have the blob.
 * An image that lies about the blob's size has a download of its own.
 */
function fetchShared(reference: Reference, descriptor: Descriptor, deps: FetchDeps): Observable<FetchedBlob> {
  let ours = false
  const shared = deps.inFlight.run(`${descriptor.digest} ${descriptor.size}`, () => {
    ours = true
    return fetchOne(reference, descriptor, deps)
  })
  return shared.pipe(
    catchError((error: unknown) =>
      ours || !isAboutTheSource(error) || error.details.repository === repositoryName(reference)
        ? throwError(() => error)
        : defer(() => fetchShared(reference, descriptor, deps)),
    ),
  )
}

/** One blob, from the first source that has it, as often as trying again is useful. */
function fetchOne(reference: Reference, descriptor: Descriptor, deps: FetchDeps): Observable<FetchedBlob> {
  const { retry, hooks, onProgress } = deps
  const { digest } = descriptor
  const wasOthersTurn = servedMeanwhile(deps.lanes, reference.registry)
  let reached = 0
  let furthest = 0
  const onBytes = (bytes: number): void => {
    reached = bytes
    onProgress({ type: 'blob-progress', digest, size: descriptor.size, bytes })
  }
  return deps.jobs
    .run((signal) => trySources({ reference, descriptor, onBytes, signal }, deps))
    .pipe(
      retryWhenUseful(retry, {
        ...hooks,
        progressed: (error) => {
          // Further than any attempt before: one that begins again from zero each time must not go on for ever.
          const gotFurther = reached - furthest >= PROGRESS_BYTES
          furthest = Math.max(furthest, reached)
          return wasOthersTurn(error) || gotFurther
        },
        onRetry: ({ attempt, delayMs, error }) => {
          onProgress({ type: 'blob-retry', digest, attempt, delayMs, failure: toFailure(error) })
        },
      }),
      catchError((error: unknown) => {
        const failure = isHearthError(error) ? withRepository(error, reference) : error
        onProgress({ type: 'blob-failed', digest, failure: toFailure(failure) })
        return throwError(() => failure)
      }),
    )
}

function withRepository(error: HearthError, reference: Reference): HearthError {
  const details = { ...error.details, repository: repositoryName(reference) }
  return new HearthError(error.code, error.message, details, error)
}
