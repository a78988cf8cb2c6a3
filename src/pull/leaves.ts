import { HearthError } from '../errors.js'
import type { Descriptor } from '../oci/descriptor.js'
import { formatReference, type Reference } from '../oci/reference.js'
import { collect } from './abortable.js'
import { fetchBlobs } from './fetch.js'
import { presentBlobs } from './holdings.js'
import type { ImagePlan } from './plan.js'
import type { ImageRun } from './run.js'

/** What came over the network for one image. */
export interface Fetched {
  readonly bytes: number
  readonly blobs: number
}

export const NOTHING: Fetched = { bytes: 0, blobs: 0 }

export function sumOf(...parts: readonly Fetched[]): Fetched {
  return parts.reduce((sum, { bytes, blobs }) => ({ bytes: sum.bytes + bytes, blobs: sum.blobs + blobs }), NOTHING)
}

/** Steps 4 to 6 for configs and layers. Idempotent: what is present is not fetched. */
export async function fetchLeaves(
  reference: Reference,
  { leaves }: Pick<ImagePlan, 'leaves'>,
  run: ImageRun,
): Promise<Fetched> {
  const { request, signal } = run
  const present = await presentBlobs(leaves, run.holdings, signal)
  const missing = leaves.filter(({ digest }) => !present.has(digest))
  const sum = (descriptors: readonly Descriptor[]): number => descriptors.reduce((total, { size }) => total + size, 0)
  const [first] = missing
  if (request.policy === 'never' && first !== undefined) {
    const details = { digest: first.digest, reference: formatReference(reference), missing: missing.length }
    throw new HearthError('BLOB_UNKNOWN', `blob ${first.digest} is not in the cache, and asking was forbidden`, details)
  }
  const bytes = sum(missing)
  const presentBytes = sum(leaves) - bytes
  request.onProgress({
    type: 'image-planned',
    image: formatReference(reference),
    blobs: missing.length,
    bytes,
    presentBytes,
  })
  await run.space?.reserve(missing)
  const fetched = await collect(fetchBlobs(reference, missing, run.fetching), signal)
  const own = fetched.filter(({ by, received }) => by === reference && received > 0)
  return { bytes: own.reduce((total, { received }) => total + received, 0), blobs: own.length }
}
