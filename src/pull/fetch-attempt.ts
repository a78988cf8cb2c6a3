import type { Claim, ClaimOptions } from '../blobs/blob-store.js'
import { ERRORS, HearthError, isHearthError } from '../errors.js'
import type { BlobSource } from '../oci/blob-source.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Reference } from '../oci/reference.js'
import type { FetchBlobValue } from '../pool/tasks.js'
import { type MirrorFailure, withMirrorFailures } from '../registry/mirror-failures.js'
import type { FetchDeps, FetchedBlob } from './fetch.js'
import type { Slot } from './lane.js'

/** One attempt at one blob. */
export interface Wanted {
  readonly reference: Reference
  readonly descriptor: Descriptor
  readonly onBytes: (bytes: number) => void
  readonly signal: AbortSignal
}

/**
 * Mirrors first, the registry last. What is wrong with one source does not matter while another one is left; one that wants
 * to be left alone, or cannot be reached, is passed over for that time.
 * @throws HearthError the registry's own, with what its mirrors failed with, or are passed over for: see {@link withMirrorFailures}.
 */
export async function trySources(wanted: Wanted, deps: FetchDeps): Promise<FetchedBlob> {
  const { reference, descriptor, signal } = wanted
  const sources = await deps.registry.blobSources(reference, descriptor.digest, { signal })
  const failures: MirrorFailure[] = []
  for (const source of sources) {
    const elsewhere = source !== sources.at(-1)
    try {
      const slot = await enterLane(source, { ...wanted, elsewhere }, deps)
      if (slot !== undefined) return await fetchFrom(source, { ...wanted, ...slot }, deps)
      failures.push({ host: source.host, error: deps.pauses.whyPaused(source.host) })
    } catch (error) {
      if (!isAboutTheSource(error)) throw error
      if (!elsewhere) throw withMirrorFailures(error, failures)
      failures.push({ host: source.host, error })
    }
  }
  throw new TypeError('a registry has at least one source')
}

interface InLane {
  readonly slot: Slot
  readonly lane: string
  /** Whether another source is left. */
  readonly elsewhere: boolean
}

/** Undefined when its lane is paused and there is another source. */
async function enterLane(
  { host }: BlobSource,
  { reference, descriptor, signal, elsewhere }: Wanted & Pick<InLane, 'elsewhere'>,
  { lanes }: FetchDeps,
): Promise<InLane | undefined> {
  // The registry's blobs and manifests share a lane, whatever its host is called: docker.io is registry-1.docker.io.
  const lane = elsewhere ? host : reference.registry
  const errand = { bytes: descriptor.size }
  const slot = elsewhere ? await lanes.enterUnlessPaused(lane, errand, signal) : await lanes.enter(lane, errand, signal)
  return slot && { slot, lane, elsewhere }
}

/** Claimed on this machine, transferred, committed, recorded. The slot is given back before the disk is waited for. */
async function fetchFrom(source: BlobSource, wanted: Wanted & InLane, deps: FetchDeps): Promise<FetchedBlob> {
  const { reference, descriptor, signal, slot, lane, elsewhere } = wanted
  const { digest, size, mediaType } = descriptor
  let claim: Claim | undefined
  try {
    const onWait: ClaimOptions['onWait'] = (holder) =>
      deps.onProgress({ type: 'blob-waiting', digest, for: 'another-process', ...holder })
    claim = await deps.claims.claim(digest, { signal, onWait })
    // It may have come since it was planned: from another process, or for another image of this run.
    if ((await deps.blobs.stat(digest)) !== undefined && (await deps.isPresent(descriptor, signal))) {
      deps.onProgress({ type: 'blob-done', digest, size, resumedBytes: size })
      return { descriptor, by: reference, received: 0 }
    }
    deps.onProgress({ type: 'blob-started', digest, size, host: source.host })
    const { received, resumed } = await transfer(await withCurrentToken(source, wanted, deps), wanted, deps)
    slot.leave('served')
    await deps.recorder.commitBlob({ digest, size }, mediaType)
    deps.onProgress({ type: 'blob-done', digest, size, resumedBytes: resumed })
    return { descriptor, by: reference, received }
  } catch (error) {
    deps.pauses.note(lane, error, elsewhere)
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
export function isAboutTheSource(error: unknown): error is HearthError {
  if (!isHearthError(error)) return false
  const { exitCode } = ERRORS[error.code]
  return exitCode === 3 || exitCode === 4 || exitCode === 5 || exitCode === 7
}
