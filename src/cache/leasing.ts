import type { Leases } from '../blobs/blob-store.js'
import { isHearthError } from '../errors.js'
import type { Digest } from '../oci/digest.js'
import type { CacheParts } from './cache-parts.js'

/**
 * Runs what reads blobs, with leases that keep those in the cache until it ends. None where hearth has never written, as nobody of
 * us would remove anything there, and none in a cache of another user's.
 */
export async function leasing<T>(
  parts: CacheParts,
  run: (leases: Pick<Leases, 'lease'> | undefined) => Promise<T>,
): Promise<T> {
  if ((await parts.isClosedToUs()) || !(await parts.isInitialised())) return await run(undefined)
  const { FsLeases } = await import('../blobs/fs-lease.js')
  const leases = new FsLeases(parts.path)
  try {
    return await run({ lease: (digests) => leaseIfWritable(leases, digests) })
  } finally {
    await leases.release()
  }
}

/**
 * What may not be written, or is full, can still be read: that is how its images get away. A removal by somebody else is then
 * noticed as a missing blob.
 */
async function leaseIfWritable(leases: Leases, digests: Iterable<Digest>): Promise<void> {
  try {
    await leases.lease(digests)
  } catch (error) {
    if (!isHearthError(error, 'STORE_READ_ONLY') && !isHearthError(error, 'NO_SPACE')) throw error
  }
}
