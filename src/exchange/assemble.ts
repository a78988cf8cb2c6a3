import type { BlobStore } from '../blobs/blob-store.js'
import { fromFailure, HearthError } from '../errors.js'
import { isLeaf, isListedBlob, isPartOfBundle, type ReadContent, walkImage } from '../inventory/closure.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'
import { type ImagePlan, leavesOf, type PlannedManifest, planImage } from '../pull/plan.js'
import { labelled } from '../pull/unlabelled.js'
import type { Offer, OfferedImage } from './offer.js'

export interface AssembleDeps {
  /** Of {@link offeredBlobs}. */
  readonly read: ReadContent
  /** Of {@link offeredBlobs}, too. */
  readonly offered: Pick<BlobStore, 'read'>
  /** Whether the cache has a sound blob of this size. */
  isPresent(digest: Digest, size: number): Promise<boolean>
  readonly signal?: AbortSignal
}

/**
 * What of an image can be had from a source and the cache together, complete platform by platform. Platforms that the source
 * leaves out stay out, as in any sparse index; but what it has of one has to be all of it.
 * @throws HearthError BLOB_UNKNOWN, SIZE_MISMATCH, MANIFEST_INVALID, MANIFEST_TOO_LARGE …: the image is not to be imported.
 */
export async function assemble({ root }: OfferedImage, offer: Offer, deps: AssembleDeps): Promise<ImagePlan> {
  const found: PlannedManifest[] = []
  const blobs: Descriptor[] = []
  const { read, signal } = deps
  for await (const node of walkImage(root, read, signal && { signal })) {
    const { descriptor, content } = node
    if (isLeaf(node)) {
      if (!isListedBlob(node)) continue
      if (await isThere(descriptor, offer, deps)) blobs.push(descriptor)
      else if (isPartOfBundle(node)) throw lacks(descriptor.digest, 'blob')
      continue
    }
    if (content?.state === 'damaged') throw fromFailure(content.failure)
    const isRoot = descriptor === root
    // A child of a type that hearth does not know is kept where it is there.
    const parsed =
      content?.state === 'read' ? content.parsed : ({ kind: 'opaque', mediaType: descriptor.mediaType } as const)
    if (await isWhole({ descriptor, parsed }, offer, deps)) found.push({ descriptor, parsed })
    else if (isRoot) throw lacks(root.digest, 'manifest')
  }
  return planned(await labelled(found, deps.offered), blobs)
}

/** Manifests and configs of the source, and those of the cache that it has not. */
export function offeredBlobs(offer: Offer, blobs: Pick<BlobStore, 'read'>): Pick<BlobStore, 'read'> {
  return {
    read: async (digest, options) =>
      (await offer.size(digest)) === undefined ? await blobs.read(digest, options) : await offer.read(digest, options),
  }
}

function planned(found: readonly PlannedManifest[], blobs: readonly Descriptor[]): ImagePlan {
  const [top] = found
  if (top?.parsed.kind === 'index' && top.parsed.manifests.length > 0 && found.length + blobs.length === 1) {
    throw lacks(top.descriptor.digest, 'platform of the index')
  }
  return planImage(found, 'all', blobs)
}

/** Not at all there: false. Half there, from the source: refused. */
async function isWhole(manifest: PlannedManifest, offer: Offer, deps: AssembleDeps): Promise<boolean> {
  const { descriptor, parsed } = manifest
  if (!(await isThere(descriptor, offer, deps))) return false
  if (parsed.kind !== 'manifest') return true
  const offered = (await offer.size(descriptor.digest)) !== undefined
  for (const leaf of leavesOf(parsed)) {
    if (await isThere(leaf, offer, deps)) continue
    if (offered) throw lacks(leaf.digest, 'blob')
    return false
  }
  return true
}

async function isThere({ digest, size }: Descriptor, offer: Offer, deps: AssembleDeps): Promise<boolean> {
  const actual = await offer.size(digest)
  if (actual === undefined) return await deps.isPresent(digest, size)
  if (actual === size) return true
  const message = `${digest} has ${actual} bytes, and its manifest says ${size}`
  throw new HearthError('SIZE_MISMATCH', message, { digest, expected: size, actual })
}

function lacks(digest: Digest, what: string): HearthError {
  return new HearthError('BLOB_UNKNOWN', `there is no ${what} ${digest}, neither there nor in the cache`, { digest })
}
