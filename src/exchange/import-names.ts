import { HearthError } from '../errors.js'
import type { Digest } from '../oci/digest.js'
import { quote } from '../oci/quote.js'
import { formatReference, isTag, parseReference, repositoryName } from '../oci/reference.js'
import { cosignTagOf } from '../oci/referrer.js'
import { archiveInvalid } from './archive-error.js'
import type { OfferedImage } from './offer.js'
import type { SortedOffer } from './sort-offered.js'

export interface NamingOptions {
  /** In place of whatever the source calls it; for one image. */
  readonly name?: string
  /** Stands before each name with a slash, and before a tag alone with a colon. */
  readonly prefix?: string
}

/**
 * Pure. Under which canonical names the images of a source come into the cache. Nothing is made up: an image that the source
 * does not name is refused rather than lost.
 * @throws HearthError REFERENCE_INVALID for a name that is none; OPTION_INVALID when one image lacks a name, or several would
 *   get one; ARCHIVE_INVALID when a name holds another digest than its image has.
 */
export function nameImages(images: readonly OfferedImage[], options: NamingOptions): ReadonlyMap<string, OfferedImage> {
  const { name, prefix } = options
  const named = new Map<string, OfferedImage>()
  const roots = new Set(images.map(({ root }) => root.digest))
  if (name !== undefined && roots.size !== 1) {
    throw new HearthError('OPTION_INVALID', `one name for ${roots.size} images`, { option: 'name', images: roots.size })
  }
  for (const image of images) {
    const { digest } = image.root
    const names = name === undefined ? namesOf(image, prefix) : [name]
    for (const text of names) add(named, canonical(text, digest), image)
  }
  return named
}

/**
 * Pure. The same for all that a source offers. What refers to its images needs no name; cosign's are called by their tags, beside
 * their image whatever that is called here.
 * @throws HearthError as nameImages.
 */
export function nameOffered(
  { images, referrers }: SortedOffer,
  options: NamingOptions,
): ReadonlyMap<string, OfferedImage> {
  const named = new Map(nameImages(images, options))
  for (const [image, subject] of referrers) {
    const { digest } = image.root
    if (image.names.length === 0) add(named, `@${digest}`, image)
    for (const name of referrerNames(image, subject, options)) add(named, canonical(name, digest), image)
  }
  return named
}

function referrerNames(image: OfferedImage, subject: Digest, { name, prefix }: NamingOptions): readonly string[] {
  if (image.names.length === 0) return []
  if (name === undefined) return namesOf(image, prefix)
  const repository = repositoryName(parseReference(name))
  return image.names.map((own) => {
    const tag = cosignTagOf(own, subject)
    return tag === undefined ? own : `${repository}:${tag}`
  })
}

function namesOf({ names, root }: OfferedImage, prefix: string | undefined): readonly string[] {
  if (prefix !== undefined)
    return names.length === 0 ? [`${prefix}@${root.digest}`] : names.map((name) => join(prefix, name))
  const bare = names.find(isBareTag)
  if (names.length > 0 && bare === undefined) return names
  const what = bare === undefined ? 'has no name' : `is only called ${quote(bare)}`
  const message = `the image ${root.digest} ${what} there: give --name or --prefix`
  throw new HearthError('OPTION_INVALID', message, { option: 'name', digest: root.digest })
}

/** image-spec lets a layout say the tag alone, and most tools write that. */
function isBareTag(name: string): boolean {
  return isTag(name)
}

function join(prefix: string, name: string): string {
  return isBareTag(name) ? `${prefix}:${name}` : `${prefix.replace(/\/$/, '')}/${name}`
}

function canonical(text: string, digest: Digest): string {
  const reference = parseReference(text)
  if (reference.digest === undefined || reference.digest === digest) return formatReference(reference)
  const details = { expected: reference.digest, actual: digest }
  throw archiveInvalid(`the image of ${repositoryName(reference)} has another digest than its name`, details)
}

function add(named: Map<string, OfferedImage>, name: string, image: OfferedImage): void {
  const other = named.get(name) ?? image
  if (other.root.digest !== image.root.digest) throw archiveInvalid(`two images have the name ${name}`, { name })
  named.set(name, other)
}
