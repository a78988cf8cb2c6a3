import type { BlobStore } from '../blobs/blob-store.js'
import type { IndexEntry } from '../log/decide.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'
import { contentReader, type WalkedNode, walkImage } from './closure.js'
import { findReferrers, type HeldReferrer } from './referrers.js'
import type { InspectedNode, InspectedReferrer, Inspection } from './reports.js'

export interface InspectImageOptions {
  readonly blobs: BlobStore
  /** Of index.json: some of them may refer to the image. */
  readonly entries?: readonly IndexEntry[]
  readonly signal?: AbortSignal
}

/** An {@link InspectedNode} whose children are still to come. */
type GrowingNode = Omit<InspectedNode, 'children'> & { readonly children: GrowingNode[] }

/**
 * The tree of one image, with what of it is in the cache. A child that is absent, damaged or of another size is shown as
 * not present: that is no error here. The log is not asked, so this never waits for a pull.
 * @param reference the name it is stored under, for the report.
 * @throws HearthError MANIFEST_TOO_LARGE when the image exceeds the limits of closure.ts, ABORTED.
 */
export async function inspectImage(
  reference: string,
  root: Descriptor,
  { blobs, entries = [], signal }: InspectImageOptions,
): Promise<Inspection> {
  const grown = new Map<WalkedNode, GrowingNode>()
  const sizes = new Map<Digest, { readonly size: number; readonly present: boolean }>()
  let top: GrowingNode | undefined
  // Not distinct: a layer that two manifests share is shown under both.
  const read = contentReader(blobs)
  const walk = walkImage(root, read, { distinct: false, ...(signal && { signal }) })
  for await (const walked of walk) {
    const { kind, descriptor } = walked
    const known = sizes.get(descriptor.digest)
    const present = known?.size === descriptor.size ? known.present : await isPresent(walked, blobs)
    const node: GrowingNode = { kind, descriptor, present, children: [] }
    sizes.set(descriptor.digest, { size: descriptor.size, present })
    grown.set(walked, node)
    if (walked.parent !== undefined) grown.get(walked.parent)?.children.push(node)
    top ??= node
  }
  if (top === undefined) throw new TypeError('a walk meets its root first')
  const all = [...sizes.values()]
  return {
    reference,
    root: top,
    totalBytes: sum(all),
    presentBytes: sum(all.filter(({ present }) => present)),
    referrers: (await findReferrers(root, entries, read)).map(describeReferrer),
  }
}

function describeReferrer({ reference, descriptor, subject }: HeldReferrer): InspectedReferrer {
  const { digest, mediaType, artifactType } = descriptor
  return { reference, digest, mediaType, ...(artifactType !== undefined && { artifactType }), subject }
}

/** What can be read was verified while it was read; of the rest only the size is compared: hashing is verify's work. */
async function isPresent({ content, descriptor }: WalkedNode, blobs: BlobStore): Promise<boolean> {
  if (content !== undefined) return content.state === 'read' && content.bytes === descriptor.size
  return (await blobs.stat(descriptor.digest))?.size === descriptor.size
}

function sum(sizes: readonly { readonly size: number }[]): number {
  return sizes.reduce((total, { size }) => total + size, 0)
}
