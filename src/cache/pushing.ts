import type { PushOptions } from '../call-options.js'
import type { PushReport } from '../exchange/push-report.js'
import type { CacheParts } from './cache-parts.js'
import { leasing } from './leasing.js'

/** Pushes what the cache has. Reads index.json and blobs alone, so that it needs no log and writes nothing but leases. */
export async function pushFrom(
  parts: CacheParts,
  references: readonly string[],
  { platform, remoteName, archTags = false, override = false, referrers = true, ...options }: PushOptions,
): Promise<PushReport> {
  const { push } = await import('../exchange/push.js')
  const { Turns } = await import('../pull/turns.js')
  const { parsePlatform } = await import('../oci/platform.js')
  const { readEntries } = await import('../inventory/entries.js')
  const { onProgress = () => {}, signal } = options
  const { blobs, index } = parts
  const entries = await readEntries(index)
  const wanted = platform === undefined || platform === 'all' ? undefined : parsePlatform(platform)
  return await leasing(parts, async (leases) =>
    push(
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
        entries,
        registry: await parts.registry(),
        turns: new Turns({ width: parts.options.jobs, retry: parts.options.retry }),
        ...(leases && { leases }),
      },
    ),
  )
}
