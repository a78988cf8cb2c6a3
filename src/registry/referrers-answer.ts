import { HearthError, isHearthError } from '../errors.js'
import type { Descriptor } from '../oci/descriptor.js'
import { parseManifest } from '../oci/manifest.js'
import { OCI_INDEX } from '../oci/media-type.js'
import type { Where } from './where.js'

/**
 * The referrers on one page of a list, which is an index, or in the index that stands in for the list.
 * Spec: distribution-spec v1.1 "Listing Referrers".
 * @throws HearthError PROTOCOL_ERROR for anything else.
 */
export function parseReferrers(body: Uint8Array, where: Where): readonly Descriptor[] {
  try {
    const parsed = parseManifest(body, OCI_INDEX)
    return parsed.kind === 'index' ? parsed.manifests : []
  } catch (cause) {
    if (!isHearthError(cause, 'MANIFEST_INVALID')) throw cause
    const message = `${where.host} answered with something else than a list of referrers`
    throw new HearthError('PROTOCOL_ERROR', message, { ...where }, cause)
  }
}

/** Those of a type, each once. A server may have left the choice to us. */
export function distinctOfType(descriptors: readonly Descriptor[], artifactType: string | undefined): Descriptor[] {
  const wanted = descriptors.filter((one) => artifactType === undefined || one.artifactType === artifactType)
  return [...new Map(wanted.map((descriptor) => [descriptor.digest, descriptor])).values()]
}
