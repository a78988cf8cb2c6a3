import { isHearthError } from '../errors.js'
import type { BlobSource } from '../oci/blob-source.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'
import type { Reference } from '../oci/reference.js'
import { askInOrder } from './ask-in-order.js'
import { askReferrers } from './ask-referrers.js'
import type { Credentials } from './credentials.js'
import { contentUrl, repositoryOf } from './endpoint-url.js'
import { HttpAuth } from './http-auth.js'
import type { Transport } from './http-dispatcher.js'
import { fetchManifest, headManifest, type ManifestRequest } from './http-manifest.js'
import { fetchMirrored, fetchReferrers } from './http-referrers.js'
import { fetchTags } from './http-tags.js'
import { HttpUploads } from './http-uploads.js'
import { type Endpoint, endpointsFor, type Mirror } from './mirrors.js'
import type { CallOptions, FetchedManifest, Registry } from './registry.js'

export interface HttpRegistryOptions {
  /** Closed together with the registry. */
  readonly transport: Transport
  readonly credentials: Credentials
  readonly mirrors?: readonly Mirror[]
  /** Milliseconds since 1970; for Retry-After dates alone. */
  readonly now?: () => number
  /** Milliseconds of a clock that never jumps. */
  readonly monotonic?: () => number
}

/** Registries over HTTP. Spec: distribution-spec v1.1 "Pull". */
export class HttpRegistry implements Registry {
  readonly uploads: HttpUploads
  readonly #transport: Transport
  readonly #mirrors: readonly Mirror[]
  readonly #auth: HttpAuth
  readonly #now: () => number
  /** Who answers at an origin, for the way back from a BlobSource. */
  readonly #endpoints = new Map<string, Endpoint>()

  constructor({ transport, credentials, mirrors = [], now = Date.now, monotonic }: HttpRegistryOptions) {
    this.#transport = transport
    this.#mirrors = mirrors
    this.#now = now
    this.#auth = new HttpAuth({ transport, credentials, now, monotonic: monotonic ?? (() => performance.now()) })
    const endpointOf = (registry: string) => this.#endpointsFor(registry).at(-1) as Endpoint
    this.uploads = new HttpUploads({ transport, auth: this.#auth, now, endpointOf })
  }

  async resolve(reference: Reference, options: Parameters<Registry['resolve']>[1] = {}): Promise<Descriptor> {
    const ask = async (endpoint: Endpoint) => {
      const request = this.#request(endpoint, reference, { ...options, digest: reference.digest })
      return (await headManifest(request)) ?? (await fetchManifest(request)).descriptor
    }
    return await askInOrder(this.#endpointsFor(reference.registry), ask, options)
  }

  async manifest(
    reference: Reference,
    options: CallOptions & { readonly digest?: Digest } = {},
  ): Promise<FetchedManifest> {
    const digest = options.digest ?? reference.digest
    const ask = (endpoint: Endpoint) => fetchManifest(this.#request(endpoint, reference, { ...options, digest }))
    return await askInOrder(this.#endpointsFor(reference.registry), ask, options)
  }

  async tags(
    { registry, repository }: Pick<Reference, 'registry' | 'repository'>,
    options: CallOptions = {},
  ): Promise<readonly string[]> {
    const ask = (endpoint: Endpoint) => fetchTags({ ...this.#context(options), endpoint, repository })
    return await askInOrder(this.#endpointsFor(registry), ask, options)
  }

  async referrers(
    { registry, repository }: Pick<Reference, 'registry' | 'repository'>,
    digest: Digest,
    { artifactType, ...options }: CallOptions & { readonly artifactType?: string } = {},
  ): Promise<readonly Descriptor[]> {
    const wanted = {
      ...this.#context(options),
      repository,
      digest,
      ...(artifactType !== undefined && { artifactType }),
    }
    const mirror = (endpoint: Endpoint) => fetchMirrored({ ...wanted, endpoint })
    const asking = { mirror, registry: (endpoint: Endpoint) => fetchReferrers({ ...wanted, endpoint }) }
    return await askReferrers(this.#endpointsFor(registry), asking, options)
  }

  async blobSources(
    { registry, repository }: Reference,
    digest: Digest,
    { signal }: CallOptions = {},
  ): Promise<readonly BlobSource[]> {
    const endpoints = this.#endpointsFor(registry)
    return Promise.all(
      endpoints.map(async (endpoint) => {
        const authorization = await this.#offered(endpoint, repository, signal)
        const url = contentUrl(endpoint, repository, 'blobs', digest).href
        return { url, host: endpoint.host, headers: { ...(authorization !== undefined && { authorization }) } }
      }),
    )
  }

  async reauthorize(source: BlobSource, challenge: string, { signal }: CallOptions = {}): Promise<BlobSource> {
    const url = new URL(source.url)
    const known = this.#endpoints.get(url.origin)
    const repository = repositoryOf(url)
    if (known === undefined || repository === undefined) throw new TypeError('not a source of this registry')
    // Two mirrors may be two folders of one origin; the path has the folder in it already.
    const endpoint = { ...known, prefix: '' }
    const { authorization: refused } = source.headers
    const authorization = await this.#auth.answer(
      { endpoint, repository, step: 'blob' },
      { challenge, ...(refused !== undefined && { refused }), ...(signal && { signal }) },
    )
    return { ...source, headers: { ...source.headers, authorization } }
  }

  close(): Promise<void> {
    return this.#transport.close()
  }

  #endpointsFor(registry: string): readonly Endpoint[] {
    const endpoints = endpointsFor(registry, this.#mirrors, this.#transport.options)
    for (const endpoint of endpoints) this.#endpoints.set(endpoint.origin, endpoint)
    return endpoints
  }

  #request(
    endpoint: Endpoint,
    reference: Reference,
    { digest, ...options }: CallOptions & { readonly digest: Digest | undefined },
  ): ManifestRequest {
    const { repository, tag } = reference
    const name = digest ?? tag
    if (name === undefined) throw new TypeError('a reference has a tag or a digest')
    return { ...this.#context(options), endpoint, repository, name, ...(digest && { digest }) }
  }

  #context({ signal }: CallOptions): Pick<ManifestRequest, 'transport' | 'auth' | 'now' | 'signal'> {
    return { transport: this.#transport, auth: this.#auth, now: this.#now, ...(signal && { signal }) }
  }

  /** A source without an Authorization is still a source: the answer to its 401 says what is wrong. */
  async #offered(endpoint: Endpoint, repository: string, signal: AbortSignal | undefined): Promise<string | undefined> {
    try {
      return await this.#auth.offer({ endpoint, repository, step: 'blob' }, signal)
    } catch (error) {
      if (isHearthError(error) && error.code !== 'ABORTED') return undefined
      throw error
    }
  }
}
