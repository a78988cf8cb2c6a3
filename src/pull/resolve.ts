import { ERRORS, type Failure, HearthError, isHearthError, toFailure } from '../errors.js'
import type { ReferenceRecord } from '../log/event-log.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'
import { formatReference, type Reference } from '../oci/reference.js'
import type { PullPolicy } from '../options.js'
import type { AskedManifest, Requests } from './requests.js'

/** What a reference names, and its bytes if they had to be asked for anyway. */
export interface Resolution {
  readonly root: Descriptor
  readonly fetched?: AskedManifest
  /** Why the registry could not be asked although the policy wanted it: what the cache has is used instead. */
  readonly unchecked?: Failure
}

export interface ResolveOptions {
  readonly policy: PullPolicy
  /** What the cache has under this name. */
  readonly known: Pick<ReferenceRecord, 'descriptor'> | undefined
  /** What the reference has to stand for, whatever its tag names now. */
  readonly pinned?: Digest
  readonly signal: AbortSignal
}

/** How to find out what a reference names: from the log alone, by asking whether it moved, or by fetching it. */
export type ResolveStep = 'use-known' | 'ask-if-moved' | 'fetch' | 'refuse'

/** Pure. A reference with a digest cannot move: `newer` has nothing to ask about it. */
export function chooseStep(policy: PullPolicy, reference: Reference, known: boolean): ResolveStep {
  switch (policy) {
    case 'never':
      return known ? 'use-known' : 'refuse'
    case 'missing':
      return known ? 'use-known' : 'fetch'
    case 'newer':
      return known ? (reference.digest === undefined ? 'ask-if-moved' : 'use-known') : 'fetch'
    case 'always':
      return known ? 'ask-if-moved' : 'fetch'
    default:
      return unreachable(policy)
  }
}

/**
 * Step 2: Reference to root Descriptor.
 * @throws HearthError REFERENCE_UNKNOWN when the policy forbids asking, and whatever the registry answers.
 */
export async function resolve(reference: Reference, options: ResolveOptions, requests: Requests): Promise<Resolution> {
  const { policy, pinned, signal } = options
  // What is here under another digest than the pinned one is no help.
  const known = pinned !== undefined && options.known?.descriptor.digest !== pinned ? undefined : options.known
  if (pinned !== undefined && known !== undefined) return { root: known.descriptor }
  const step = chooseStep(policy, reference, known !== undefined)
  if (step === 'refuse') {
    const name = formatReference(reference)
    throw new HearthError('REFERENCE_UNKNOWN', `${name} is not in the cache, and asking was forbidden`, {
      reference: name,
    })
  }
  if (known === undefined || step === 'fetch') return fetchRoot(await requests.manifest(reference, pinned, signal))
  if (step === 'use-known') return { root: known.descriptor }
  try {
    const current = await requests.resolve(reference, signal)
    if (current.digest === known.descriptor.digest) return { root: known.descriptor }
    return fetchRoot(await requests.manifest(reference, current.digest, signal))
  } catch (error) {
    // `newer` is a wish, as in podman: an unreachable registry does not take away what is here. `always` is an order.
    if (policy !== 'newer' || !isUnreachable(error)) throw error
    return { root: known.descriptor, unchecked: toFailure(error) }
  }
}

function fetchRoot(fetched: AskedManifest): Resolution {
  return { root: fetched.descriptor, fetched }
}

/** The network failed, as opposed to an answer that says something about the image or about who asks. */
function isUnreachable(error: unknown): boolean {
  return isHearthError(error) && ERRORS[error.code].exitCode === ERRORS.REGISTRY_UNAVAILABLE.exitCode
}

function unreachable(policy: never): never {
  throw new TypeError(`unknown pull policy: ${String(policy)}`)
}
