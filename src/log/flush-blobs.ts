import type { Digest } from '../oci/digest.js'
import type { EventLog } from './event-log.js'

export interface FlushDeps {
  readonly log: EventLog
  /** Identity of this boot of the machine. */
  readonly boot: string
  /** Brings these blobs to the disk; those that are gone need none. */
  readonly flush: (digests: readonly Digest[], options: { readonly signal?: AbortSignal }) => Promise<void>
}

/**
 * Brings to the disk what was committed in this boot without an fsync, whichever process did it, and then records that.
 * Holds the log only to look and to record. Stopped or failed on the way it has recorded nothing, and may be run again.
 * @returns how many blobs there were.
 * @throws HearthError ABORTED; STORE_FAILED when the disk refused: then those blobs stay in doubt.
 */
export async function flushBlobs({ log, boot, flush }: FlushDeps, signal?: AbortSignal): Promise<number> {
  const options = { ...(signal && { signal }) }
  const { through, digests } = await log.hold(async (held) => {
    const blobs = [...(await held.allBlobs())].filter(([, blob]) => !blob.durable && blob.boot === boot)
    return { through: held.head.position, digests: blobs.map(([digest]) => digest) }
  }, options)
  if (digests.length === 0) return 0
  await flush(digests, options)
  await log.hold(async (held) => {
    // Another process may have flushed more meanwhile; what was committed since then is not covered by this one.
    if (((await held.flushes()).get(boot) ?? 0) < through) await held.append([{ type: 'BlobsFlushed', through, boot }])
  }, options)
  return digests.length
}
