import { type Failure, HearthError, isHearthError, toFailure } from '../errors.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'
import { formatReference, fullReferenceIn, type Reference } from '../oci/reference.js'
import { collect } from './abortable.js'
import { fetchBlobs } from './fetch.js'
import type { OnProgress } from './progress.js'
import type { PullDeps } from './pull.js'
import { openRun, type Run } from './run.js'

/** A blob that the cache should have. */
export interface LostBlob {
  readonly descriptor: Descriptor
  /** Manifests and indexes are asked for by themselves, all else as blobs. */
  readonly isManifest: boolean
  /** Images that need it: each may be a source. */
  readonly references: readonly Reference[]
}

export interface RefetchOptions {
  readonly onProgress?: OnProgress
  readonly signal?: AbortSignal
}

/**
 * Fetches these blobs again and nothing else, each from the first of its images' registries that has it; verified, committed and
 * recorded as in a pull. No reference changes.
 * @returns why it could not be had, for each of those that are still missing.
 * @throws HearthError ABORTED
 */
export async function refetch(
  lost: readonly LostBlob[],
  deps: PullDeps,
  { onProgress = () => {}, signal }: RefetchOptions = {},
): Promise<ReadonlyMap<Digest, Failure>> {
  const request = { references: [], wanted: [], strict: false, policy: 'missing', onProgress } as const
  const run = openRun({ ...request, ...(signal && { signal }) }, deps)
  const failures = new Map<Digest, Failure>()
  const fetchOne = async (blob: LostBlob): Promise<void> => {
    const failure = await fromAnySource(blob, run, signal ?? new AbortController().signal)
    if (failure !== undefined) failures.set(blob.descriptor.digest, failure)
  }
  try {
    // The lanes decide how many move at once.
    await Promise.all(lost.map(fetchOne))
    return failures
  } finally {
    await run.jobs.stopped()
    await deps.recorder.flush()
  }
}

/** Pure: those of the names that say where an image came from. Other tools' short names do not: any registry might be meant. */
export function registryNames(names: readonly string[]): readonly Reference[] {
  return names.flatMap((name) => fullReferenceIn(name) ?? [])
}

async function fromAnySource(blob: LostBlob, run: Run, signal: AbortSignal): Promise<Failure | undefined> {
  const { digest } = blob.descriptor
  let last = new HearthError('BLOB_UNKNOWN', 'no image that needs it names a registry', { digest })
  for (const reference of blob.references) {
    try {
      if (blob.isManifest) await fetchManifest(blob.descriptor, reference, run, signal)
      else await collect(fetchBlobs(reference, [blob.descriptor], run.fetching), signal)
      return undefined
    } catch (error) {
      if (!isHearthError(error) || error.code === 'ABORTED' || error.code === 'INTERNAL') throw error
      last = error
    }
  }
  return toFailure(last)
}

async function fetchManifest(
  { digest, size, mediaType }: Descriptor,
  reference: Reference,
  { requests, deps }: Run,
  signal: AbortSignal,
): Promise<void> {
  const { bytes } = await requests.manifest(reference, digest, signal)
  if (bytes.length !== size) {
    const details = { digest, reference: formatReference(reference), expected: size, actual: bytes.length }
    throw new HearthError('SIZE_MISMATCH', `manifest ${digest} has another size than its parent says`, details)
  }
  await deps.recorder.commitBlob(await deps.blobs.stage(digest, bytes), mediaType)
}
