import type { Observable } from 'rxjs'
import { isHearthError, toFailure } from '../errors.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'
import { formatReference, type Reference, repositoryName } from '../oci/reference.js'
import type { RetryPolicy } from '../options.js'
import type { FetchedManifest, Registry } from '../registry/registry.js'
import { collect, type Jobs } from './abortable.js'
import type { Lanes } from './lanes.js'
import type { OnProgress } from './progress.js'
import { type RetryHooks, retryWhenUseful } from './retry.js'
import { SingleFlight } from './single-flight.js'

export interface RequestsDeps {
  readonly registry: Registry
  readonly lanes: Lanes
  readonly jobs: Jobs
  readonly retry: RetryPolicy
  readonly hooks: Pick<RetryHooks, 'random' | 'scheduler'>
  readonly onProgress: OnProgress
}

/** `received`: bytes that came over the network for this caller; 0 for one who joined another's request. */
export type AskedManifest = FetchedManifest & { readonly received: number }

/** The small requests of a run: each in its host's lane, retried while that is useful, and asked once for all who want it. */
export class Requests {
  readonly #deps: RequestsDeps
  readonly #manifests = new SingleFlight<FetchedManifest>()
  readonly #resolutions = new SingleFlight<Descriptor>()

  constructor(deps: RequestsDeps) {
    this.#deps = deps
  }

  resolve(reference: Reference, signal: AbortSignal): Promise<Descriptor> {
    const name = formatReference(reference)
    const { registry } = this.#deps
    const job = () => this.#politely(reference, (own) => registry.resolve(reference, { signal: own }))
    return one(this.#resolutions.run(name, job), signal)
  }

  /** The manifest under `digest`, else under the reference's own digest or tag. */
  async manifest(reference: Reference, digest: Digest | undefined, signal: AbortSignal): Promise<AskedManifest> {
    const key = digest === undefined ? formatReference(reference) : `${repositoryName(reference)}@${digest}`
    const { registry } = this.#deps
    let joined = true
    const shared = this.#manifests.run(key, () => {
      joined = false
      return this.#politely(reference, (own) =>
        registry.manifest(reference, { signal: own, ...(digest !== undefined && { digest }) }),
      )
    })
    const fetched = await one(shared, signal)
    return { ...fetched, received: joined ? 0 : fetched.bytes.length }
  }

  /** Every tag of the reference's repository. */
  tags(reference: Reference, signal: AbortSignal): Promise<readonly string[]> {
    const { registry } = this.#deps
    return one(
      this.#politely(reference, (own) => registry.tags(reference, { signal: own })),
      signal,
    )
  }

  #politely<T>(reference: Reference, ask: (signal: AbortSignal) => Promise<T>): Observable<T> {
    const { lanes, jobs, retry, hooks, onProgress } = this.#deps
    const host = reference.registry
    const inLane = async (signal: AbortSignal): Promise<T> => {
      const slot = await lanes.enter(host, signal)
      try {
        return await ask(signal)
      } catch (error) {
        pauseLane(lanes, host, error, retry)
        throw error
      } finally {
        slot.leave()
      }
    }
    return jobs.run(inLane).pipe(
      retryWhenUseful(retry, {
        ...hooks,
        onRetry: ({ attempt, delayMs, error }) => {
          const image = formatReference(reference)
          onProgress({ type: 'request-retry', image, attempt, delayMs, failure: toFailure(error) })
        },
      }),
    )
  }
}

/**
 * A server that says when to come back says it to all of us. Call it before the slot is left: whoever waits for that must
 * find the lane paused. A pause that nobody will wait for is none: the others are to hear it from the server, and to fail.
 */
export function pauseLane(lanes: Lanes, host: string, error: unknown, policy: RetryPolicy): void {
  const retryAfterMs = isHearthError(error) ? error.details.retryAfterMs : undefined
  if (typeof retryAfterMs === 'number' && retryAfterMs <= policy.maxRetryAfterMs) lanes.pause(host, retryAfterMs)
}

async function one<T>(source: Observable<T>, signal: AbortSignal): Promise<T> {
  const [value] = await collect(source, signal)
  return value as T
}
