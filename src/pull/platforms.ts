import type { BlobStore } from '../blobs/blob-store.js'
import { HearthError } from '../errors.js'
import type { ReferenceRecord } from '../log/event-log.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Manifest } from '../oci/manifest.js'
import { isImageConfigType } from '../oci/media-type.js'
import {
  type HostPlatform,
  hostPlatform,
  type Platform,
  parsePlatform,
  rankPlatforms,
  readPlatform,
} from '../oci/platform.js'
import { formatReference, type Reference } from '../oci/reference.js'
import { configPlatform, readConfigPlatform } from './config-platform.js'
import { type Fetched, fetchLeaves, NOTHING } from './leaves.js'
import { type ImagePlan, platformName, type WantedPlatforms } from './plan.js'
import type { ImageRun } from './run.js'

/**
 * Pure. What a caller's list of platforms means: `all`, or the host's own when there is none.
 * @throws HearthError PLATFORM_INVALID
 */
export function parseWanted(texts: readonly string[], host: HostPlatform): WantedPlatforms {
  if (texts.includes('all')) return 'all'
  return texts.length === 0 ? [hostPlatform(host)] : texts.map(parsePlatform)
}

/**
 * Pure. A reference that still names the same root keeps the platforms it has: what is wanted now comes on top, so that
 * what the log calls complete stays so, and is made complete again if some of it was lost.
 */
export function withKnownPlatforms(
  wanted: WantedPlatforms,
  known: Pick<ReferenceRecord, 'descriptor' | 'platforms'> | undefined,
  root: Descriptor,
): WantedPlatforms {
  if (wanted === 'all' || known?.descriptor.digest !== root.digest) return wanted
  const all = new Map<string, Platform>()
  const served = known.platforms.flatMap((name) => readPlatform(name) ?? [])
  for (const platform of [...wanted, ...served]) all.set(platformName(platform), platform)
  return [...all.values()]
}

/**
 * A plain image is made for one platform, and only its config says which. When the user named platforms, that is looked
 * at before any layer is fetched.
 * @returns what had to be fetched for that.
 * @throws HearthError PLATFORM_UNKNOWN when it is another one, MANIFEST_INVALID when its config cannot be read.
 */
export async function checkPlatform(reference: Reference, plan: ImagePlan, run: ImageRun): Promise<Fetched> {
  const { wanted } = run.request
  const config = plainConfig(plan)
  if (wanted === 'all' || config === undefined) return NOTHING
  const fetched = await fetchLeaves(reference, { leaves: [config] }, run)
  const platform = await readConfigPlatform(config, run.deps.blobs)
  for (const asked of wanted) {
    if (rankPlatforms(asked, platform === undefined ? [] : [{ platform }]).length > 0) continue
    const expected = platformName(asked)
    const actual = platform === undefined ? 'none' : platformName(platform)
    const message = `${formatReference(reference)} was made for ${actual} alone, not for ${expected}`
    throw new HearthError('PLATFORM_UNKNOWN', message, { expected, actual })
  }
  return fetched
}

/**
 * What a plain image's config says it was made for; nothing for artifacts, and nothing for a config that says so in no way
 * that all tools understand: nobody asked for a platform, and the image is what it is without its name.
 */
export async function plainPlatforms(plan: ImagePlan, blobs: Pick<BlobStore, 'read'>): Promise<readonly string[]> {
  const config = plainConfig(plan)
  const platform = config && (await configPlatform(config, blobs))
  return platform === undefined ? [] : [platformName(platform)]
}

function plainConfig({ manifests, root }: ImagePlan): Descriptor | undefined {
  const plain = manifests.find(({ descriptor }) => descriptor.digest === root.digest)?.parsed
  return plain?.kind === 'manifest' && isImageConfig(plain) ? plain.config : undefined
}

function isImageConfig({ config }: Manifest): boolean {
  return isImageConfigType(config.mediaType)
}
