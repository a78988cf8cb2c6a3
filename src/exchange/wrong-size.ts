import { HearthError } from '../errors.js'
import type { Descriptor } from '../oci/descriptor.js'

/** A blob of the cache that has not as many bytes as whoever names it says. */
export function wrongSize({ digest, size }: Pick<Descriptor, 'digest' | 'size'>, actual: number): HearthError {
  const details = { digest, expected: size, actual }
  return new HearthError('SIZE_MISMATCH', `${digest} has another size in the cache than its manifest says`, details)
}
