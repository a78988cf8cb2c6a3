import { catchError, defer, distinct, from, mergeMap, type Observable, throwError } from 'rxjs'
import type { BlobStore, Claim, Claims } from '../blobs/blob-store.js'
import { ERRORS, HearthError, isHearthError, toFailure } from '../errors.js'
import type { BlobSource } from '../oci/blob-source.js'
import type { Descriptor } from '../oci/descriptor.js'
import { type Reference, repositoryName } from '../oci/reference.js'
import type { RetryPolicy } from '../options.js'
import type { Pool } from '../pool/pool.js'
import type { Durability, FetchBlobValue } from '../pool/tasks.js'
import type { Registry } from '../registry/registry.js'
import type { Jobs } from './abortable.js'
import type { Lanes } from './lanes.js'
import { pauseLane } from './politely.js'
import type { OnProgress } from './progress.js'
import type { Recorder } from './recorder.js'
import { type RetryHooks, retryWhenUseful } from './retry.js'
import type { SingleFlight } from './single-flight.js'

export interface FetchDeps {
  readonly registry: Registry
  readonly pool: Pool
  readonly blobs: BlobStore
  readonly claims: Claims
  readonly recorder: Recorder
  readonly lanes: Lanes
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
        progressed: () => {
          // Further than any attempt before: one that begins again from zero each time must not go on for ever.
          const progressed = reached - furthest >= PROGRESS_BYTES
          furthest = Math.max(furthest, reached)
          return progressed
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

interface Wanted {
  readonly reference: Reference
  readonly descriptor: Descriptor
  readonly onBytes: (bytes: number) => void
  readonly signal: AbortSignal
}

/** Mirrors first, the registry last. What is wrong with one source does not matter while another one is left. */
async function trySources(wanted: Wanted, deps: FetchDeps): Promise<FetchedBlob> {
  const { reference, descriptor, signal } = wanted
  const sources = await deps.registry.blobSources(reference, descriptor.digest, { signal })
  let last: unknown = new TypeError('a registry has at least one source')
  for (const source of sources) {
    // The registry's blobs and manifests share a lane, whatever its host is called: docker.io is registry-1.docker.io.
    const lane = source === sources.at(-1) ? reference.registry : source.host
    try {
      return await fetchFrom(source, { ...wanted, lane }, deps)
    } catch (error) {
      if (!isAboutTheSource(error)) throw error
      last = error
    }
  }
  throw last
}

/** Claimed on this machine, transferred, committed, recorded. The slot is given back before the disk is waited for. */
async function fetchFrom(
  source: BlobSource,
  wanted: Wanted & { readonly lane: string },
  deps: FetchDeps,
): Promise<FetchedBlob> {
  const { reference, descriptor, signal } = wanted
  const { digest, size, mediaType } = descriptor
  const slot = await deps.lanes.enter(wanted.lane, signal)
  let claim: Claim | undefined
  try {
    const onWait = (): void => deps.onProgress({ type: 'blob-waiting', digest, for: 'another-process' })
    claim = await deps.claims.claim(digest, { signal, onWait })
    // It may have come since it was planned: from another process, or for another image of this run.
    if ((await deps.blobs.stat(digest)) !== undefined && (await deps.isPresent(descriptor, signal))) {
      deps.onProgress({ type: 'blob-done', digest, size, resumedBytes: size })
      return { descriptor, by: reference, received: 0 }
    }
    deps.onProgress({ type: 'blob-started', digest, size, host: source.host })
    const { received, resumed } = await transfer(await withCurrentToken(source, wanted, deps), wanted, deps)
    slot.leave()
    await deps.recorder.commitBlob({ digest, size }, mediaType)
    deps.onProgress({ type: 'blob-done', digest, size, resumedBytes: resumed })
    return { descriptor, by: reference, received }
  } catch (error) {
    pauseLane(deps.lanes, wanted.lane, error, deps.retry)
    throw error
  } finally {
    slot.leave()
    await claim?.release()
  }
}

/** The wait may have been longer than a token's life: thousands of blobs must not each find that out by a 401. */
async function withCurrentToken(source: BlobSource, wanted: Wanted, { registry }: FetchDeps): Promise<BlobSource> {
  const { reference, descriptor, signal } = wanted
  const sources = await registry.blobSources(reference, descriptor.digest, { signal })
  return sources.find(({ url }) => url === source.url) ?? source
}

/** In a worker. A token may have expired, or none was known yet: then once more with what the registry demands. */
async function transfer(source: BlobSource, wanted: Wanted, deps: FetchDeps): Promise<FetchBlobValue> {
  const { descriptor, onBytes, signal } = wanted
  const { digest, size } = descriptor
  const { blobs, boot, durability, pool, registry } = deps
  const ingest = await blobs.ingestPath(digest)
  const task = { kind: 'fetch-blob', digest, size, ingest, boot, durability } as const
  try {
    return await pool.fetchBlob({ ...task, source }, { signal, onBytes })
  } catch (error) {
    const challenge = isHearthError(error, 'UNAUTHORIZED') ? error.details.challenge : undefined
    if (typeof challenge !== 'string') throw error
    const authorized = await registry.reauthorize(source, challenge, { signal })
    return await pool.fetchBlob({ ...task, source: authorized }, { signal, onBytes }).catch((refused: unknown) => {
      throw withoutChallenge(refused)
    })
  }
}

/** Nobody answers the second one, and its realm may hold a query, which belongs into no report. */
function withoutChallenge(error: unknown): unknown {
  if (!isHearthError(error, 'UNAUTHORIZED')) return error
  const { challenge: _, ...details } = error.details
  return new HearthError(error.code, error.message, details, error.cause)
}

/** What another source, or another repository, may do better: its network, its answer, its bytes; not our disk or log. */
function isAboutTheSource(error: unknown): error is HearthError {
  if (!isHearthError(error)) return false
  const { exitCode } = ERRORS[error.code]
  return exitCode === 3 || exitCode === 4 || exitCode === 5 || exitCode === 7
}
