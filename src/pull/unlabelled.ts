import type { BlobStore } from '../blobs/blob-store.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'
import { isUnlabelled } from '../oci/manifest.js'
import { isImageConfigType } from '../oci/media-type.js'
import type { Platform } from '../oci/platform.js'
import { configPlatform } from './config-platform.js'
import type { PlannedManifest } from './plan.js'

const UNKNOWN: Platform = { os: 'unknown', architecture: 'unknown' }

/** Pure. The configs of the manifests of which their index does not say what they are made for: these say it. */
export function unlabelledConfigs(found: readonly PlannedManifest[]): readonly Descriptor[] {
  return [...configsOf(found).values()]
}

/**
 * What a walk met, as if the indexes had said what the configs say. Each of {@link unlabelledConfigs} is read; manifests
 * without a platform in their config, and artifacts, are for an unknown one.
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
    const manifests = parsed.manifests.map((child) => {
      if (!held.has(child.digest) || !isUnlabelled(child, parsed)) return child
      return { ...child, platform: platforms.get(child.digest) ?? UNKNOWN }
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
