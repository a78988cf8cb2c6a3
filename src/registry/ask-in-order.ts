import { type HearthError, isHearthError } from '../errors.js'
import { type MirrorFailure, withMirrorFailures } from './mirror-failures.js'
import type { Endpoint } from './mirrors.js'
import type { AtMirror } from './registry.js'

export interface Order {
  readonly atMirror?: AtMirror
  /** The registry's own word that there is no such manifest settles it. */
  readonly mayBeMissing?: boolean
}

/**
 * The first answer of a registry's endpoints. Mirrors are there to help: whatever is wrong with one, the next is asked, and the
 * registry itself last.
 * @throws HearthError the registry's own: see {@link withMirrorFailures}; ABORTED of any.
 */
export async function askInOrder<T>(
  endpoints: readonly Endpoint[],
  ask: (endpoint: Endpoint, isMirror: boolean) => Promise<T>,
  { atMirror = (_, asked) => asked(), mayBeMissing = false }: Order = {},
): Promise<T> {
  const failures: MirrorFailure[] = []
  for (const endpoint of endpoints) {
    const isMirror = endpoint !== endpoints.at(-1)
    try {
      return isMirror ? await atMirror(endpoint.host, () => ask(endpoint, true)) : await ask(endpoint, false)
    } catch (error) {
      if (!isHearthError(error) || error.code === 'ABORTED') throw error
      if (!isMirror) throw mayBeMissing && isUnknown(error) ? error : withMirrorFailures(error, failures)
      failures.push({ host: endpoint.host, error })
    }
  }
  throw new TypeError('a registry has at least itself')
}

function isUnknown({ code }: HearthError): boolean {
  return code === 'MANIFEST_UNKNOWN' || code === 'NAME_UNKNOWN'
}
