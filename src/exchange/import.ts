/**
 * Images from elsewhere into the cache. Everything a source has is looked at before anything of it becomes visible: names,
 * manifests, what belongs to them, whether names are taken. Then the same order as for a pull: leaves, manifests, names.
 */
import type { BlobStore, Leases, ReadyIngest } from '../blobs/blob-store.js'
import type { Staging } from '../blobs/staging.js'
import { HearthError } from '../errors.js'
import { contentReader } from '../inventory/closure.js'
import { throwIfAborted } from '../inventory/lanes.js'
import type { BlobRecord, EventLog } from '../log/event-log.js'
import { type Descriptor, distinct } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'
import { isSound } from '../pull/holdings.js'
import type { ImagePlan } from '../pull/plan.js'
import type { Recorder } from '../pull/recorder.js'
import { assemble, offeredBlobs } from './assemble.js'
import { type NamingOptions, nameOffered } from './import-names.js'
import { describeImages, recordImages, refuseOther } from './import-record.js'
import type { Offer, OfferedImage } from './offer.js'
import type { ImportedSource } from './reports.js'
import { sortOffered } from './sort-offered.js'

export interface ImportOptions extends NamingOptions {
  /** Names that stand for other images get these instead. */
  readonly force?: boolean
  /** Told how much of what is missing has been staged. */
  readonly onStaged?: (bytes: number, totalBytes: number) => void
  readonly signal?: AbortSignal
}

export interface ImportDeps {
  readonly log: EventLog
  readonly blobs: BlobStore
  readonly staging: Staging
  readonly leases: Leases
  readonly recorder: Recorder
  readonly boot: string
  /** Whether the cache has a sound blob of this size, as far as was known at the beginning. */
  isPresent(digest: Digest, size: number): Promise<boolean>
}

/**
 * All images of an offer, or none.
 * @throws HearthError REFERENCE_EXISTS when a name stands for another image; as nameOffered and assemble; ABORTED.
 */
export async function importOffer(
  offer: Offer,
  options: ImportOptions,
  deps: ImportDeps,
): Promise<Omit<ImportedSource, 'source'>> {
  const { signal } = options
  const blobs = offeredBlobs(offer, deps.blobs)
  const read = contentReader(blobs)
  const sorted = await sortOffered(offer.images, read, signal)
  const named = nameOffered(sorted, options)
  const plans = new Map<OfferedImage, ImagePlan>()
  for (const image of new Set(named.values())) {
    plans.set(image, await assemble(image, offer, { ...deps, read, offered: blobs, ...(signal && { signal }) }))
  }
  const described = await describeImages(plans, sorted.referrers, blobs)
  await refuseTaken(named, options, deps)
  const staged = await stageMissing([...plans.values()], offer, { ...deps, ...options })
  // The last moment to stop: from here on, the images come in.
  throwIfAborted(signal)
  await commit([...plans.values()], staged, deps)
  const images = await recordImages(named, { described, referrers: sorted.referrers }, options, deps)
  await deps.recorder.flush()
  const bytes = [...staged.values()].reduce((sum, size) => sum + size, 0)
  return { ok: true, images, referrers: sorted.referrers.size, blobs: staged.size, bytes }
}

/** Early, so that nothing is written for an import that must not happen. Recording asks again. */
async function refuseTaken(
  named: ReadonlyMap<string, OfferedImage>,
  { force, signal }: ImportOptions,
  { log }: ImportDeps,
): Promise<void> {
  if (force) return
  await log.hold(
    async (held) => {
      for (const [name, { root }] of named) refuseOther(name, await held.reference(name), root)
    },
    { ...(signal && { signal }) },
  )
}

/**
 * Leases all that the images need, asks the log what of it is here, and stages the rest. The lease comes first: from then on
 * nobody removes what this import relies on.
 * @returns the staged ones with their sizes.
 */
async function stageMissing(
  plans: readonly ImagePlan[],
  offer: Offer,
  deps: ImportDeps & Pick<ImportOptions, 'onStaged'>,
): Promise<ReadonlyMap<Digest, number>> {
  const needed = new Map(plans.flatMap(blobsOf).map(({ digest, size }) => [digest, size]))
  await deps.leases.lease(needed.keys())
  const records = await deps.log.hold((held) => held.blobs(needed.keys()))
  const missing = new Map<Digest, number>()
  for (const [digest, size] of needed) {
    if (deps.staging.size(digest) === undefined && (await isHere({ digest, size }, records, deps))) continue
    missing.set(digest, size)
  }
  const totalBytes = [...missing.values()].reduce((sum, size) => sum + size, 0)
  let bytes = 0
  for (const [digest, size] of missing) {
    await offer.stage({ digest, size })
    if (deps.staging.size(digest) === undefined) throw gone(digest)
    bytes += size
    deps.onStaged?.(bytes, totalBytes)
  }
  return missing
}

/** Whether the cache has a blob of this size that its log vouches for. */
export async function isHere(
  { digest, size }: ReadyIngest,
  records: ReadonlyMap<Digest, BlobRecord>,
  { blobs, boot }: Pick<ImportDeps, 'blobs' | 'boot'>,
): Promise<boolean> {
  const stat = await blobs.stat(digest)
  return stat !== undefined && stat.size === size && isSound(records.get(digest), stat, boot)
}

async function commit(
  plans: readonly ImagePlan[],
  staged: ReadonlyMap<Digest, number>,
  { recorder }: ImportDeps,
): Promise<void> {
  const committed = new Set<Digest>()
  const commitAll = (descriptors: readonly Descriptor[]): Promise<unknown> => {
    const mine = descriptors.filter(({ digest }) => staged.has(digest) && !committed.has(digest))
    for (const { digest } of mine) committed.add(digest)
    return Promise.all(mine.map(({ digest, size, mediaType }) => recorder.commitBlob({ digest, size }, mediaType)))
  }
  await commitAll(distinct(plans.flatMap(({ leaves }) => leaves)))
  await commitAll(distinct(plans.flatMap(({ manifests }) => manifests.map(({ descriptor }) => descriptor))))
}

function blobsOf({ leaves, manifests }: ImagePlan): readonly Descriptor[] {
  return [...leaves, ...manifests.map(({ descriptor }) => descriptor)]
}

function gone(digest: Digest): HearthError {
  return new HearthError('BLOB_UNKNOWN', `${digest} was removed from the cache during the import; import again`, {
    digest,
  })
}
