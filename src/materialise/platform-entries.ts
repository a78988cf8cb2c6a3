import type { IndexEntry } from '../log/decide.js'
import type { Descriptor } from '../oci/descriptor.js'
import { CONTAINERD_IMAGE_NAME, PLATFORM_OF, PLATFORMS, REF_NAME } from '../oci/image-layout.js'
import { platformSuffix } from '../oci/platform-suffix.js'

/** An entry of index.json that names one platform's manifest of an image whose root is an index. */
export type PlatformEntry = Descriptor & {
  readonly annotations: Readonly<Record<typeof REF_NAME | typeof PLATFORM_OF | typeof PLATFORMS, string>>
}

/**
 * Pure: entries beside an image's own, one for each of its platforms: `NAME-amd64`, as LinuxKit's cache has them. Tools
 * that cannot choose from an index (umoci) read the image by these. They are made from the reference each time, are no
 * references themselves, and go when it goes. A name with a digest gets none: nothing may follow a digest.
 */
export function platformEntries({ reference, manifests = {} }: IndexEntry): PlatformEntry[] {
  if (reference.includes('@')) return []
  return Object.entries(manifests).map(([platform, { mediaType, digest, size, platform: described }]) => {
    const name = platformEntryName(reference, platform)
    const annotations = {
      [PLATFORM_OF]: reference,
      [PLATFORMS]: platform,
      [CONTAINERD_IMAGE_NAME]: name,
      [REF_NAME]: name,
    }
    return { mediaType, digest, size, ...(described && { platform: described }), annotations }
  })
}

/**
 * Pure: whether {@link platformEntries} made an entry. One that another tool copied under a name of its own is not: that
 * name is the user's.
 */
export function isPlatformEntry(annotations: Readonly<Record<string, unknown>>): boolean {
  const { [PLATFORM_OF]: reference, [PLATFORMS]: platform, [REF_NAME]: name } = annotations
  if (typeof reference !== 'string' || typeof platform !== 'string') return false
  return name === platformEntryName(reference, platform)
}

function platformEntryName(reference: string, platform: string): string {
  return `${reference}-${platformSuffix(platform)}`
}
