// Placeholder until the composition root is merged: to be replaced as a whole.
import type { Cache } from './api.js'
import { HearthError } from './errors.js'
import type { CacheOptions } from './options.js'

/** Opens one cache folder. @throws HearthError UNSUPPORTED always, until the parts are put together. */
export async function openCache(_options: CacheOptions = {}): Promise<Cache> {
  throw new HearthError('UNSUPPORTED', 'this build has no cache yet')
}
