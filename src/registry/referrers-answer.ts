import { isHearthError } from '../errors.js'
import type { Descriptor } from '../oci/descriptor.js'
import { parseManifest } from '../oci/manifest.js'
import { OCI_INDEX } from '../oci/media-type.js'

/**
 * The referrers on one page of a list, which is an index, or in the index that stands in for the list; undefined for anything
 * else: an image, a web page, another JSON document.
 * Spec: distribution-spec v1.1 "Listing Referrers".
 */
export function parseReferrers(body: Uint8Array): readonly Descriptor[] | undefined {
  try {
    const parsed = parseManifest(body, OCI_INDEX)
    return parsed.kind === 'index' ? parsed.manifests : undefined
  } catch (error) {
    if (isHearthError(error, 'MANIFEST_INVALID')) return undefined
    throw error
  }
}

/** Those of a type, each once. A server may have left the choice to us. */
export function distinctOfType(descriptors: readonly Descriptor[], artifactType: string | undefined): Descriptor[] {
  const wanted = descriptors.filter((one) => artifactType === undefined || one.artifactType === artifactType)
  return [...new Map(wanted.map((descriptor) => [descriptor.digest, descriptor])).values()]
}
