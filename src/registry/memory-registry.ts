import { HearthError } from '../errors.js'
import type { BlobSource } from '../oci/blob-source.js'
import type { Descriptor } from '../oci/descriptor.js'
import { type Digest, parseDigest } from '../oci/digest.js'
import { parseManifest } from '../oci/manifest.js'
import type { Reference } from '../oci/reference.js'
import { type MemoryRepository, type MemoryUpload, MemoryUploads } from './memory-uploads.js'
import { distinctOfType } from './referrers-answer.js'
import type { CallOptions, FetchedManifest, Registry } from './registry.js'
import type { Repository } from './uploads.js'

/** What a repository serves of one image. `blobs` may hold the manifests too. */
export interface MemoryImage {
  readonly root: Descriptor
  readonly manifests: ReadonlyMap<Digest, FetchedManifest>
  readonly blobs: ReadonlyMap<Digest, Uint8Array>
}

/** A call as it came in: what a story counts. `digest` is absent where a tag was asked for. */
export interface MemoryRequest {
  readonly step: 'resolve' | 'manifest' | 'blob' | 'token' | 'tags' | 'referrers' | 'upload' | 'publish'
  readonly host: string
  readonly repository: string
  readonly digest?: Digest
  /** Of a push. */
  readonly call?: MemoryUpload['call']
  /** Sent with a blob's request after its source was reauthorised. */
  readonly authorization?: string
}

export interface MemoryRegistryOptions {
  /**
   * Runs before each answer. What it throws is the answer, and what it awaits delays it: this is how a story makes a
   * registry fail once, or answer last.
   */
  readonly before?: (request: MemoryRequest) => void | Promise<void>
}

/** Adapter: registries that live in a map, for whole pulls without a network. Serves any number of hosts. */
export class MemoryRegistry implements Registry {
  /** Every call so far, oldest first. */
  readonly requests: MemoryRequest[] = []
  readonly uploads: MemoryUploads
  readonly #repositories = new Map<string, MemoryRepository>()
  #tokens = 0
  readonly #before: MemoryRegistryOptions['before']

  constructor({ before }: MemoryRegistryOptions = {}) {
    this.#before = before
    this.uploads = new MemoryUploads({
      open: (repository) => this.#open(repository),
      arrive: (request, signal) => this.#arrive(request, signal),
    })
  }

  /** Serves the image under the reference's repository, and under its tag when it has one. A tag may be moved. */
  add({ registry, repository, tag }: Reference, image: MemoryImage): void {
    const held = this.#open({ registry, repository })
    if (tag !== undefined) held.tags.set(tag, image.root.digest)
    for (const [digest, manifest] of image.manifests) held.manifests.set(digest, manifest)
    for (const [digest, bytes] of image.blobs) held.blobs.set(digest, bytes)
  }

  async resolve(reference: Reference, options: CallOptions = {}): Promise<Descriptor> {
    const { descriptor } = await this.#manifest('resolve', reference, options)
    return descriptor
  }

  async manifest(
    reference: Reference,
    options: CallOptions & { readonly digest?: Digest } = {},
  ): Promise<FetchedManifest> {
    return this.#manifest('manifest', reference, options)
  }

  async tags(
    { registry: host, repository }: Pick<Reference, 'registry' | 'repository'>,
    { signal }: CallOptions = {},
  ): Promise<readonly string[]> {
    const request = { step: 'tags', host, repository } as const
    await this.#arrive(request, signal)
    const held = this.#repositories.get(`${host}/${repository}`)
    if (held === undefined) throw unknown('NAME_UNKNOWN', request)
    return [...held.tags.keys()]
  }

  async referrers(
    { registry: host, repository }: Pick<Reference, 'registry' | 'repository'>,
    digest: Digest,
    { artifactType, signal }: CallOptions & { readonly artifactType?: string } = {},
  ): Promise<readonly Descriptor[]> {
    await this.#arrive({ step: 'referrers', host, repository, digest }, signal)
    const manifests = this.#repositories.get(`${host}/${repository}`)?.manifests.values() ?? []
    const found = [...manifests].flatMap(({ descriptor, bytes }) => {
      const parsed = parseManifest(bytes, descriptor.mediaType)
      if (parsed.kind === 'opaque' || parsed.subject?.digest !== digest) return []
      return [{ ...descriptor, ...(parsed.artifactType !== undefined && { artifactType: parsed.artifactType }) }]
    })
    return distinctOfType(found, artifactType)
  }

  /** One source: `memory://host/repository@digest`. Only {@link readBlob} can follow it. */
  async blobSources(
    { registry, repository }: Reference,
    digest: Digest,
    { signal }: CallOptions = {},
  ): Promise<readonly BlobSource[]> {
    refuseAborted(signal)
    return [{ url: `memory://${registry}/${repository}@${digest}`, headers: {}, host: registry }]
  }

  /** A token that differs from all before; whoever wants it refused throws in `before`. */
  async reauthorize(source: BlobSource, _challenge: string, { signal }: CallOptions = {}): Promise<BlobSource> {
    await this.#arrive({ step: 'token', ...placeOf(source) }, signal)
    this.#tokens += 1
    return { ...source, headers: { authorization: `Bearer memory-${this.#tokens}` } }
  }

  /**
   * The bytes behind a source of {@link blobSources}: the other half of a pool that works in memory.
   * @throws HearthError BLOB_UNKNOWN
   */
  async readBlob(source: BlobSource, { signal }: CallOptions = {}): Promise<Uint8Array> {
    const request: MemoryRequest = { step: 'blob', ...placeOf(source) }
    const { host, repository, digest } = request
    await this.#arrive({ ...request, ...source.headers }, signal)
    const bytes = digest && this.#repositories.get(`${host}/${repository}`)?.blobs.get(digest)
    if (bytes === undefined) throw unknown('BLOB_UNKNOWN', request)
    return bytes
  }

  async close(): Promise<void> {}

  async #manifest(
    step: 'resolve' | 'manifest',
    reference: Reference,
    options: CallOptions & { readonly digest?: Digest },
  ): Promise<FetchedManifest> {
    const { registry: host, repository, tag } = reference
    const asked = options.digest ?? reference.digest
    const request = { step, host, repository, ...(asked !== undefined && { digest: asked }) }
    await this.#arrive(request, options.signal)
    const held = this.#repositories.get(`${host}/${repository}`)
    if (held === undefined) throw unknown('NAME_UNKNOWN', request)
    const digest = asked ?? held.tags.get(tag ?? '')
    const manifest = digest && held.manifests.get(digest)
    if (manifest === undefined) throw unknown('MANIFEST_UNKNOWN', request)
    return manifest
  }

  #open({ registry, repository }: Repository): MemoryRepository {
    const name = `${registry}/${repository}`
    const held = this.#repositories.get(name) ?? { tags: new Map(), manifests: new Map(), blobs: new Map() }
    this.#repositories.set(name, held)
    return held
  }

  async #arrive(request: MemoryRequest, signal: AbortSignal | undefined): Promise<void> {
    refuseAborted(signal)
    this.requests.push(request)
    await this.#before?.(request)
    refuseAborted(signal)
  }
}

/** What a source's URL says: `memory://host/repository@digest`. */
function placeOf({ url, host }: BlobSource): { host: string; repository: string; digest: Digest } {
  const at = url.lastIndexOf('@')
  const repository = url.slice(`memory://${host}/`.length, at)
  return { host, repository, digest: parseDigest(url.slice(at + 1)) }
}

function refuseAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new HearthError('ABORTED', 'aborted', {}, signal.reason)
}

function unknown(code: 'NAME_UNKNOWN' | 'MANIFEST_UNKNOWN' | 'BLOB_UNKNOWN', request: MemoryRequest): HearthError {
  const { step, host, repository } = request
  return new HearthError(code, `${host}/${repository} does not have it`, { step, host, repository })
}
