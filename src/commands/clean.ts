import type { Cache, RemoveOptions } from '../index.js'
import type { DocumentOutcome } from './outcome.js'
import { NOT_PUBLISHED, renderRemoval } from './rm.js'

/** `hearth clean`: removes every reference that is not pinned, and every blob that no running pull relies on. */
export async function clean(cache: Cache, options: RemoveOptions = {}): Promise<DocumentOutcome> {
  // It names no reference, so that a pinned one stays is what was asked for.
  const results = [...(options.publishedOnly ? NOT_PUBLISHED : []), 'REFERENCE_PINNED' as const]
  return renderRemoval(await cache.clean(options), { results })
}
