import type { Observable } from 'rxjs'
import { toFailure } from '../errors.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'
import { formatReference, type Reference, repositoryName } from '../oci/reference.js'
import type { AtMirror, CallOptions, FetchedManifest, RegistryReader } from '../registry/registry.js'
import { collect } from './abortable.js'
import { passingOver } from './at-mirror.js'
import { type PolitelyDeps, politely, type Turn } from './politely.js'
import type { OnProgress } from './progress.js'
import { SingleFlight } from './single-flight.js'
import type { Errand } from './turn-order.js'

export interface RequestsDeps extends PolitelyDeps {
  readonly registry: RegistryReader
  readonly onProgress: OnProgress
}

/** `received`: bytes that came over the network for this caller; 0 for one who joined another's request. */
export type AskedManifest = FetchedManifest & { readonly received: number }

/** The small requests of a run: each in its host's lane, retried while that is useful, and asked once for all who want it. */
export class Requests {
  readonly #deps: RequestsDeps
  readonly #atMirror: AtMirror
  readonly #manifests = new SingleFlight<FetchedManifest>()
  readonly #resolutions = new SingleFlight<Descriptor>()

  constructor(deps: RequestsDeps) {
    this.#deps = deps
    this.#atMirror = passingOver(deps)
  }

  /** @param options.mayBeMissing as `Registry.resolve` takes it. */
  resolve(
    reference: Reference,
    signal: AbortSignal,
    { mayBeMissing = false }: { readonly mayBeMissing?: boolean } = {},
  ): Promise<Descriptor> {
    const { registry } = this.#deps
    const ask = (own: CallOptions) => registry.resolve(reference, { ...own, mayBeMissing })
    const job = () => this.#politely(reference, 'name', ask)
    return one(this.#resolutions.run(`${formatReference(reference)} ${mayBeMissing}`, job), signal)
  }

  /** The manifest under `digest`, else under the reference's own digest or tag. */
  async manifest(reference: Reference, digest: Digest | undefined, signal: AbortSignal): Promise<AskedManifest> {
    const key = digest === undefined ? formatReference(reference) : `${repositoryName(reference)}@${digest}`
    const { registry } = this.#deps
    let joined = true
    const shared = this.#manifests.run(key, () => {
      joined = false
      return this.#politely(reference, digest === undefined ? 'name' : 'manifest', (own) =>
        registry.manifest(reference, { ...own, ...(digest !== undefined && { digest }) }),
      )
    })
    const fetched = await one(shared, signal)
    return { ...fetched, received: joined ? 0 : fetched.bytes.length }
  }

  /** Every tag of the reference's repository. */
  tags(reference: Reference, signal: AbortSignal): Promise<readonly string[]> {
    const { registry } = this.#deps
    return one(
      this.#politely(reference, 'name', (own) => registry.tags(reference, own)),
      signal,
    )
  }

  /** What the registry lists as referring to a manifest of the reference's repository. */
  referrers(reference: Reference, digest: Digest, signal: AbortSignal): Promise<readonly Descriptor[]> {
    const { registry } = this.#deps
    return one(
      this.#politely(reference, 'manifest', (own) => registry.referrers(reference, digest, own)),
      signal,
    )
  }

  #politely<T>(reference: Reference, errand: Errand, call: (own: CallOptions) => Promise<T>): Observable<T> {
    const ask = (signal: AbortSignal) => call({ signal, atMirror: this.#atMirror })
    const onRetry: Turn['onRetry'] = ({ attempt, delayMs, error }) => {
      const image = formatReference(reference)
      this.#deps.onProgress({ type: 'request-retry', image, attempt, delayMs, failure: toFailure(error) })
    }
    return politely(ask, { host: reference.registry, errand, onRetry }, this.#deps)
  }
}

async function one<T>(source: Observable<T>, signal: AbortSignal): Promise<T> {
  const [value] = await collect(source, signal)
  return value as T
}
