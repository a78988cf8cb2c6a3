import { type Failure, HearthError, toFailure } from '../errors.js'
import type { Digest } from '../oci/digest.js'
import { quote } from '../oci/quote.js'
import { fullReferenceIn, type Reference } from '../oci/reference.js'
import type { Registry } from '../registry/registry.js'

/**
 * Why a stored reference cannot be pulled again as it is; undefined when its registry names the same digest under it.
 * The registry's own failure is an answer too: an image that we may not ask for stays.
 * @throws HearthError ABORTED
 */
export async function whyUnpublished(
  name: string,
  digest: Digest,
  { registry, signal }: { readonly registry: Registry; readonly signal?: AbortSignal },
): Promise<Failure | undefined> {
  try {
    const published = await registry.resolve(parseStored(name), { ...(signal && { signal }) })
    if (published.digest === digest) return undefined
    const details = { reference: name, expected: digest, actual: published.digest }
    return { code: 'DIGEST_MISMATCH', message: `the registry has another image under ${quote(name)}`, details }
  } catch (error) {
    const failure = toFailure(error)
    if (failure.code === 'ABORTED' || failure.code === 'INTERNAL') throw error
    return failure
  }
}

/** A name that is not canonical was given by another tool: what it would expand to is a guess, and not asked for. */
function parseStored(name: string): Reference {
  const reference = fullReferenceIn(name)
  if (reference !== undefined) return reference
  throw new HearthError('REFERENCE_INVALID', `${quote(name)} is not the full name of an image`, { found: quote(name) })
}
