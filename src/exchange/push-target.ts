import { HearthError } from '../errors.js'
import type { Descriptor } from '../oci/descriptor.js'
import { platformSuffix } from '../oci/platform-suffix.js'
import { quote } from '../oci/quote.js'
import { fullReferenceIn, isTag, parseReference, type Reference } from '../oci/reference.js'

/**
 * Pure: where an image goes: to the registry that its own name says, or to another name.
 * @param stored its name in the cache.
 * @throws HearthError REFERENCE_INVALID for a name that is no full one: another tool gave it, and what it would expand to is
 *   a guess that nothing is sent to.
 */
export function targetOf(stored: string, remoteName: string | undefined): Reference {
  if (remoteName !== undefined) return parseReference(remoteName)
  const reference = fullReferenceIn(stored)
  if (reference !== undefined) return reference
  const found = quote(stored)
  throw new HearthError('REFERENCE_INVALID', `${found} is not the full name of an image: say where it goes`, { found })
}

/** A name in the registry, and what it will stand for. */
export interface PushedName {
  readonly name: string
  readonly descriptor: Descriptor
}

/**
 * Pure: every name that an image gets: its own, and with `archTags` one for each platform of an index, `TAG-amd64`, as
 * LinuxKit has them. The image's own is the last one: who sees it sees the others too.
 * @throws HearthError DIGEST_MISMATCH when the name has a digest that is not the image's; REFERENCE_INVALID for a tag that
 *   gets too long.
 */
export function namesOf(
  { tag, digest }: Reference,
  root: Descriptor,
  platforms: ReadonlyMap<string, Descriptor> = new Map(),
): readonly PushedName[] {
  if (digest !== undefined && digest !== root.digest) {
    const details = { expected: digest, actual: root.digest }
    throw new HearthError('DIGEST_MISMATCH', `the image is ${root.digest}, and its name says ${digest}`, details)
  }
  if (tag === undefined) return [{ name: root.digest, descriptor: root }]
  const platformTags = [...platforms].map(([platform, descriptor]) => {
    return { name: `${tag}-${platformSuffix(platform)}`, descriptor }
  })
  const long = platformTags.find(({ name }) => !isTag(name))
  if (long !== undefined)
    throw new HearthError('REFERENCE_INVALID', `${quote(long.name)} is no tag`, { found: long.name })
  return [...platformTags, { name: tag, descriptor: root }]
}
