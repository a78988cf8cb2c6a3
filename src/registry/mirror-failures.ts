import { ERRORS, HearthError } from '../errors.js'

/** A mirror that was asked, or passed over, and did not give what was wanted. */
export interface MirrorFailure {
  /** As its lane is called. */
  readonly host: string
  readonly error: HearthError
}

/**
 * Pure: what an attempt fails with when neither the mirrors nor the registry gave what was wanted. The registry's own error
 * counts: it says what is true of the image. The mirrors are named behind it, in its message and as `mirror` and `mirrorCode`.
 *
 * `mirrorRetryAfterMs` in its details says that another attempt is useful because of that mirror alone, and after how long; 0
 * where the mirror has not said. So an air gap, in which the registry has no address or knows nobody, gets over one bad moment
 * of its mirror; and a registry that may be back itself is not waited for as long as its mirror wants.
 */
export function withMirrorFailures(own: HearthError, failures: readonly MirrorFailure[]): HearthError {
  const telling = failures.find(({ error }) => mayPass(error)) ?? failures[0]
  if (telling === undefined) return own
  const { retryAfterMs } = telling.error.details
  const details = {
    ...own.details,
    mirror: telling.host,
    mirrorCode: telling.error.code,
    ...(!mayPass(own) &&
      mayPass(telling.error) && { mirrorRetryAfterMs: typeof retryAfterMs === 'number' ? retryAfterMs : 0 }),
  }
  const named = failures.map(({ host, error }) => `its mirror ${host} failed too: ${error.code}: ${error.message}`)
  return new HearthError(own.code, [own.message, ...named].join('; '), details, own)
}

/** A failure of the network that another attempt may not meet. `givenUp`: it has lasted too long to hope for that. */
function mayPass({ code, retryable, details }: HearthError): boolean {
  return retryable && ERRORS[code].exitCode === ERRORS.REGISTRY_UNAVAILABLE.exitCode && details.givenUp !== true
}
