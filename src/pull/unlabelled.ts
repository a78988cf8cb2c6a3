import type { BlobStore } from '../blobs/blob-store.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'
import { isUnlabelled } from '../oci/manifest.js'
import { isImageConfigType } from '../oci/media-type.js'
import type { Platform } from '../oci/platform.js'
import { configPlatform } from './config-platform.js'
import { type PlannedManifest, platformName } from './plan.js'

const UNKNOWN: Platform = { os: 'unknown', architecture: 'unknown' }

/** Pure. The configs of the manifests of which their index does not say what they are made for: these say it. */
export function unlabelledConfigs(found: readonly PlannedManifest[]): readonly Descriptor[] {
  return [...configsOf(found).values()]
}

/**
 * What a walk met, as if the indexes had said what the configs say: each of {@link unlabelledConfigs} is read. A manifest is for
 * an unknown platform when its config names none, or one that the index names for another, and when it is an artifact's.
 * @throws HearthError BLOB_UNKNOWN, DIGEST_MISMATCH … for a config that is not there, or is damaged.
 */
export async function labelled(
  found: readonly PlannedManifest[],
  blobs: Pick<BlobStore, 'read'>,
): Promise<readonly PlannedManifest[]> {
  const platforms = new Map<Digest, Platform>()
  for (const [digest, config] of configsOf(found)) {
    const platform = await configPlatform(config, blobs)
    if (platform !== undefined) platforms.set(digest, platform)
  }
  const held = new Set(found.map(({ descriptor }) => descriptor.digest))
  return found.map(({ descriptor, parsed }) => {
    if (parsed.kind !== 'index') return { descriptor, parsed }
    const named = new Set(parsed.manifests.flatMap(({ platform }) => (platform ? [platformName(platform)] : [])))
    const manifests = parsed.manifests.map((child) => {
      if (!held.has(child.digest) || !isUnlabelled(child, parsed)) return child
      const platform = platforms.get(child.digest)
      // What the index says of another child counts for more.
      return { ...child, platform: platform === undefined || named.has(platformName(platform)) ? UNKNOWN : platform }
    })
    return { descriptor, parsed: { ...parsed, manifests } }
  })
}

function configsOf(found: readonly PlannedManifest[]): ReadonlyMap<Digest, Descriptor> {
  const unlabelled = new Set<Digest>()
  for (const { parsed } of found) {
    if (parsed.kind !== 'index') continue
    for (const child of parsed.manifests) if (isUnlabelled(child, parsed)) unlabelled.add(child.digest)
  }
  const configs = new Map<Digest, Descriptor>()
  for (const { descriptor, parsed } of found) {
    const isOne = parsed.kind === 'manifest' && unlabelled.has(descriptor.digest)
    if (isOne && isImageConfigType(parsed.config.mediaType)) configs.set(descriptor.digest, parsed.config)
  }
  return configs
}
