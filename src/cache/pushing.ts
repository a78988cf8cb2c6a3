import type { PushOptions } from '../api.js'
import type { FsLeases } from '../blobs/fs-lease.js'
import { isHearthError } from '../errors.js'
import type { PushReport } from '../exchange/push-report.js'
import type { CacheParts } from './cache-parts.js'

/** Pushes what the cache has. Reads index.json and blobs alone, so that it needs no log and writes nothing but leases. */
export async function pushFrom(
  parts: CacheParts,
  references: readonly string[],
  { platform, remoteName, archTags = false, override = false, referrers = true, ...options }: PushOptions,
): Promise<PushReport> {
  const { push } = await import('../exchange/push.js')
  const { Turns } = await import('../pull/turns.js')
  const { parsePlatform } = await import('../oci/platform.js')
  const { parseIndexFile } = await import('../materialise/image-index.js')
  const { onProgress = () => {}, signal } = options
  const { blobs, index } = parts
  const bytes = await index.read()
  const leases = await leasesOf(parts)
  try {
    const wanted = platform === undefined || platform === 'all' ? undefined : parsePlatform(platform)
    return await push(
      {
        references,
        archTags,
        override,
        referrers,
        onProgress,
        signal: signal ?? new AbortController().signal,
        ...(remoteName !== undefined && { remoteName }),
        ...(wanted !== undefined && { platform: wanted }),
      },
      {
        blobs,
        entries: bytes === undefined ? [] : parseIndexFile(bytes),
        registry: await parts.registry(),
        turns: new Turns({ width: parts.options.jobs, retry: parts.options.retry }),
        ...(leases && { leases: { lease: (digests) => leaseIfWritable(leases, digests) } }),
      },
    )
  } finally {
    await leases?.release()
  }
}

/** Nothing is leased where hearth has never written: nobody of us would remove anything there. */
async function leasesOf(parts: CacheParts): Promise<FsLeases | undefined> {
  if (!(await parts.isInitialised())) return undefined
  const { FsLeases } = await import('../blobs/fs-lease.js')
  return new FsLeases(parts.path)
}

/** What may not be written can still be pushed. A removal by somebody who may write is then noticed as a missing blob. */
async function leaseIfWritable(leases: FsLeases, digests: Parameters<FsLeases['lease']>[0]): Promise<void> {
  try {
    await leases.lease(digests)
  } catch (error) {
    if (!isHearthError(error, 'STORE_READ_ONLY')) throw error
  }
}
