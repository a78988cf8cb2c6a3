import type { ReadContent } from '../inventory/closure.js'
import { findReferrers, type HeldReferrer } from '../inventory/referrers.js'
import type { IndexEntry } from '../log/decide.js'
import { parseReference, repositoryName } from '../oci/reference.js'
import { cosignTagOf, withSubject } from '../oci/referrer.js'
import type { ExportedImage } from './exported-image.js'
import { type PlanExportDeps, planExport, type StoredImage } from './plan-export.js'

export interface PlanReferrersDeps extends PlanExportDeps {
  /** Of index.json: some of them may refer to the images. */
  readonly entries: readonly IndexEntry[]
  readonly read: ReadContent
}

/**
 * What in the cache refers to the images, each of it once, as other tools list it too: without a name, besides cosign's. Each says
 * what its manifest says, whoever brought it here: the same referrers give the same bytes.
 * @param name the one that the one image gets, in place of its own.
 * @throws HearthError as `planExport`.
 */
export async function planReferrers(
  images: readonly ExportedImage[],
  name: string | undefined,
  { entries, read, ...deps }: PlanReferrersDeps,
): Promise<readonly ExportedImage[]> {
  const found = new Map<string, StoredImage>()
  for (const { root } of images) {
    for (const referrer of await findReferrers(root, entries, read)) {
      const stored = await describe(referrer, name, read)
      found.set(stored.name ?? stored.root.digest, stored)
    }
  }
  for (const { name: own, root } of images) found.delete(own ?? root.digest)
  const planned: ExportedImage[] = []
  for (const stored of found.values()) planned.push(await planExport(stored, 'present', deps))
  return planned
}

async function describe(
  { reference, descriptor, subject }: HeldReferrer,
  name: string | undefined,
  read: ReadContent,
): Promise<StoredImage> {
  const content = await read(descriptor)
  // One that cannot be read is refused when it is planned.
  const root = content.state === 'read' ? withSubject(descriptor, subject, content.parsed) : descriptor
  const tag = cosignTagOf(reference, subject)
  if (tag === undefined) return { root }
  // Cosign looks for it beside its image.
  return { root, name: name === undefined ? reference : `${repositoryName(parseReference(name))}:${tag}` }
}
