import { closureOf, type ReadContent } from '../inventory/closure.js'
import type { Digest } from '../oci/digest.js'
import type { OfferedImage } from './offer.js'

export interface SortedOffer {
  /** What stands for itself. */
  readonly images: readonly OfferedImage[]
  /** What refers to one of the images, or to what does. */
  readonly referrers: ReadonlyMap<OfferedImage, Digest>
}

/**
 * Tells images from what refers to them, and leaves out what is only a part of another image: oras lists every manifest that it
 * has, most of them without a name. A referrer of something that is not there stands for itself.
 * @param read of the source; what cannot be read refers to nothing here.
 * @throws HearthError ABORTED
 */
export async function sortOffered(
  offered: readonly OfferedImage[],
  read: ReadContent,
  signal?: AbortSignal,
): Promise<SortedOffer> {
  const isPlain = offered.every(({ names, subject }) => names.length > 0 && subject === undefined)
  if (isPlain) return { images: offered, referrers: new Map() }
  const [roots, parts] = [new Set<Digest>(), new Set<Digest>()]
  const subjects = new Map<OfferedImage, Digest>()
  for (const image of offered) {
    const { root, names } = image
    const { digests, subject } = await closureOf(root, read, signal)
    for (const digest of digests) (digest === root.digest ? roots : parts).add(digest)
    const own = image.subject ?? (names.length === 0 ? subject : undefined)
    if (own !== undefined && own !== root.digest) subjects.set(image, own)
  }
  const referrers = new Map([...subjects].filter(([, subject]) => roots.has(subject) || parts.has(subject)))
  const isPart = ({ names, root }: OfferedImage): boolean => names.length === 0 && parts.has(root.digest)
  for (const image of [...referrers.keys()].filter(isPart)) referrers.delete(image)
  return { images: offered.filter((image) => !referrers.has(image) && !isPart(image)), referrers }
}
