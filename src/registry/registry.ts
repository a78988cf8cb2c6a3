import type { BlobSource } from '../oci/blob-source.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'
import type { Reference } from '../oci/reference.js'
import type { Uploads } from './uploads.js'

/** Manifest bytes as the registry sent them, hashed. `descriptor` is computed from those bytes, not from a header. */
export interface FetchedManifest {
  readonly descriptor: Descriptor
  readonly bytes: Uint8Array
}

export interface CallOptions {
  readonly signal?: AbortSignal
  /** Default: ask it. */
  readonly atMirror?: AtMirror
}

/**
 * Goes around each question to a mirror, so that its host gets a rest when it needs one: asks, or throws why not. Not for blobs:
 * of these the caller knows every source.
 */
export type AtMirror = <T>(host: string, ask: () => Promise<T>) => Promise<T>

/**
 * Port: the registries and their mirrors. Every failure is a HearthError whose details name `host` and `step`
 * (`resolve`, `manifest`, `token`, `blob`, `tags`, `referrers`, `upload`, `publish`), and `retryAfterMs` where the server asked for a pause.
 * What the registry's mirrors failed with stands behind the registry's own error: see {@link withMirrorFailures}.
 * No method retries: when to try again is the coordinator's decision.
 */
export interface Registry {
  /** The way in. */
  readonly uploads: Uploads

  /**
   * What the reference names now, without its bytes (a HEAD, or a GET where a registry has no usable HEAD).
   * @param options.mayBeMissing the registry's own word that there is no such manifest settles it, whatever is wrong with its
   * mirrors.
   * @throws HearthError MANIFEST_UNKNOWN, UNAUTHORIZED, DENIED, REGISTRY_UNAVAILABLE …
   */
  resolve(reference: Reference, options?: CallOptions & { readonly mayBeMissing?: boolean }): Promise<Descriptor>

  /**
   * The manifest or index under `digest`, or under the reference's own digest or tag.
   * The bytes are checked against the digest that was asked for, else against the one the registry announced.
   * @throws HearthError MANIFEST_UNKNOWN, MANIFEST_TOO_LARGE (above 4 MiB received), DIGEST_MISMATCH …
   */
  manifest(reference: Reference, options?: CallOptions & { readonly digest?: Digest }): Promise<FetchedManifest>

  /**
   * Every tag of the repository, in the registry's order; the list's pages are followed to the end.
   * @throws HearthError NAME_UNKNOWN, UNAUTHORIZED, DENIED, PROTOCOL_ERROR for a list that leads elsewhere or nowhere …
   */
  tags(repository: Pick<Reference, 'registry' | 'repository'>, options?: CallOptions): Promise<readonly string[]>

  /**
   * What refers to a manifest, as its registry lists it: signatures, attestations, bills of materials. Each once; pages are
   * followed to the end. None where nobody knows of any. A mirror's list counts if there is something in it, or if the registry
   * is out of reach.
   * @param options.artifactType only these.
   * @throws HearthError UNAUTHORIZED, DENIED, PROTOCOL_ERROR …
   */
  referrers(
    repository: Pick<Reference, 'registry' | 'repository'>,
    digest: Digest,
    options?: CallOptions & { readonly artifactType?: string },
  ): Promise<readonly Descriptor[]>

  /** The places to ask for a blob of this repository, mirrors first, each with what is known of its credentials. */
  blobSources(reference: Reference, digest: Digest, options?: CallOptions): Promise<readonly BlobSource[]>

  /**
   * Called with the `WWW-Authenticate` value of a 401 that a source answered: gives the same source with a fresh token.
   * @throws HearthError UNAUTHORIZED when there is nothing better to send than what was refused.
   */
  reauthorize(source: BlobSource, challenge: string, options?: CallOptions): Promise<BlobSource>

  close(): Promise<void>
}

/** What a pull asks of it. */
export type RegistryReader = Omit<Registry, 'uploads' | 'close'>
