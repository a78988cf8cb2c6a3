import type { BlobStore } from '../blobs/blob-store.js'
import { isHearthError } from '../errors.js'
import type { Descriptor } from '../oci/descriptor.js'
import { MAX_MANIFEST_BYTES } from '../oci/manifest.js'
import { type Platform, parsePlatformObject } from '../oci/platform.js'
import { parseStrictJson } from '../oci/strict-json.js'

/**
 * What an image's config says it was made for; undefined when it does not say.
 * @throws HearthError MANIFEST_INVALID when it says so in no way that all tools understand; as `BlobStore.read`.
 */
export async function readConfigPlatform(
  { digest, size }: Descriptor,
  blobs: Pick<BlobStore, 'read'>,
): Promise<Platform | undefined> {
  if (size > MAX_MANIFEST_BYTES) return undefined
  const bytes = await blobs.read(digest, { maxBytes: MAX_MANIFEST_BYTES })
  const platform = parsePlatformObject(parseStrictJson(bytes, { what: `config ${digest}` }), `config ${digest}`)
  return platform.os === 'unknown' || platform.architecture === 'unknown' ? undefined : platform
}

/** The same for images that may be what they are without a platform: undefined, too, for a config that cannot be understood. */
export async function configPlatform(
  config: Descriptor,
  blobs: Pick<BlobStore, 'read'>,
): Promise<Platform | undefined> {
  try {
    return await readConfigPlatform(config, blobs)
  } catch (error) {
    // Not what may be wrong with the blob or the disk: those have codes of their own.
    if (isHearthError(error, 'MANIFEST_INVALID')) return undefined
    throw error
  }
}
