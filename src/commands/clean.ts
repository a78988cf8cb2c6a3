import type { Cache, RemoveOptions } from '../index.js'
import type { DocumentOutcome } from './outcome.js'
import { renderRemoval } from './rm.js'

/** `hearth clean`: removes every reference, and every blob that no running pull relies on. */
export async function clean(cache: Cache, options: RemoveOptions = {}): Promise<DocumentOutcome> {
  return renderRemoval(await cache.clean(options), options)
}
