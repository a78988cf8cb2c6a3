/** How the names of imported images come into the log. */
import type { BlobStore } from '../blobs/blob-store.js'
import { HearthError } from '../errors.js'
import type { HeldLog, ReferenceRecord } from '../log/event-log.js'
import type { ReferenceSet } from '../log/events.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'
import { withSubject } from '../oci/referrer.js'
import type { ImagePlan } from '../pull/plan.js'
import { plainPlatforms } from '../pull/platforms.js'
import type { Recorder } from '../pull/recorder.js'
import type { OfferedImage } from './offer.js'
import type { ImportedImage } from './reports.js'

/** Those of the images that refer to others, and to which. */
type Referrers = ReadonlyMap<OfferedImage, Digest>

/** What the log will say of an image, whatever it is called. */
type Description = Omit<ReferenceSet, 'type' | 'reference'>

/** What the log will say of each image. Reads configs. */
export async function describeImages(
  plans: ReadonlyMap<OfferedImage, ImagePlan>,
  referrers: Referrers,
  blobs: Pick<BlobStore, 'read'>,
): Promise<ReadonlyMap<OfferedImage, Description>> {
  const described = new Map<OfferedImage, Description>()
  for (const [image, plan] of plans) {
    const subject = referrers.get(image)
    described.set(image, subject === undefined ? await describe(image, plan, blobs) : describeReferrer(plan, subject))
  }
  return described
}

export interface DescribedImport {
  readonly described: ReadonlyMap<OfferedImage, Description>
  readonly referrers: Referrers
}

/**
 * All names in one batch: either all of them are true, or none. What stays of a name that is there with the same image is said
 * in its record.
 * @returns the images, without what refers to them.
 * @throws HearthError REFERENCE_EXISTS when a name stands for another image, unless forced.
 */
export async function recordImages(
  named: ReadonlyMap<string, OfferedImage>,
  { described, referrers }: DescribedImport,
  { force = false }: { readonly force?: boolean },
  { recorder }: { readonly recorder: Recorder },
): Promise<readonly ImportedImage[]> {
  const standing = (reference: string): boolean => !referrers.has(named.get(reference) as OfferedImage)
  let images: readonly ImportedImage[] = []
  await recorder.record(async (held) => {
    const decided = await decide(named, described, force, held)
    const own = decided.filter(({ event }) => standing(event.reference))
    images = own.map(({ event, changed }) => {
      const { reference, descriptor, platforms, size = 0 } = event
      return { reference, digest: descriptor.digest, platforms, size, changed }
    })
    return decided.filter(({ isNew }) => isNew).map(({ event }) => event)
  })
  return images
}

interface Decided {
  readonly event: ReferenceSet
  readonly changed: boolean
  /** Says something that the log does not say yet. */
  readonly isNew: boolean
}

async function decide(
  named: ReadonlyMap<string, OfferedImage>,
  described: ReadonlyMap<OfferedImage, Description>,
  force: boolean,
  held: HeldLog,
): Promise<readonly Decided[]> {
  const decided: Decided[] = []
  for (const [reference, image] of named) {
    const before = await held.reference(reference)
    if (!force) refuseOther(reference, before, image.root)
    const found = described.get(image)
    if (found === undefined) throw new TypeError('every image was described')
    const event = { type: 'ReferenceSet', reference, ...found } as const
    if (before?.descriptor.digest !== image.root.digest) decided.push({ event, changed: true, isNew: true })
    else decided.push({ event: withKnown(event, before), changed: false, isNew: addsTo(before, event) })
  }
  return decided
}

/** The same root: what the log calls complete stays so. */
function withKnown(event: ReferenceSet, before: ReferenceRecord): ReferenceSet {
  const manifests = { ...before.manifests, ...event.manifests }
  return {
    ...event,
    descriptor: before.descriptor,
    platforms: [...new Set([...before.platforms, ...event.platforms])].sort(),
    ...(Object.keys(manifests).length > 0 && { manifests }),
    size: Math.max(before.size ?? 0, event.size ?? 0),
  }
}

function addsTo(before: ReferenceRecord, { platforms, size = 0 }: ReferenceSet): boolean {
  return platforms.some((platform) => !before.platforms.includes(platform)) || size > (before.size ?? 0)
}

async function describe({ root }: OfferedImage, plan: ImagePlan, blobs: Pick<BlobStore, 'read'>): Promise<Description> {
  const indexed = plan.platforms.size > 0
  return {
    descriptor: root,
    platforms: indexed ? [...plan.platforms.keys()].sort() : await plainPlatforms(plan, blobs),
    ...(indexed && { manifests: Object.fromEntries([...plan.platforms].sort(([a], [b]) => (a < b ? -1 : 1))) }),
    size: plan.size,
    origin: 'imported',
  }
}

/** As a pull records one. */
function describeReferrer({ root, manifests, size }: ImagePlan, subject: Digest): Description {
  const top = manifests.at(-1)
  if (top === undefined) throw new TypeError('a plan has its root')
  return { descriptor: withSubject(root, subject, top.parsed), platforms: [], size, origin: 'imported' }
}

/** @throws HearthError REFERENCE_EXISTS for a name that stands for another image. */
export function refuseOther(reference: string, before: ReferenceRecord | undefined, { digest }: Descriptor): void {
  if (before === undefined || before.descriptor.digest === digest) return
  const expected = before.descriptor.digest
  const message = `${reference} stands for ${expected} here, and would get ${digest}; --force replaces it`
  throw new HearthError('REFERENCE_EXISTS', message, { reference, expected, actual: digest })
}
