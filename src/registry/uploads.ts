import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'
import type { Reference } from '../oci/reference.js'
import type { CallOptions } from './registry.js'

/** A repository to put something into. */
export type Repository = Pick<Reference, 'registry' | 'repository'>

/**
 * An upload that the registry has opened, as plain data. `url` may be signed: never log or store a value of this type.
 * Each call gives the session to go on with.
 */
export interface UploadSession extends Repository {
  readonly url: string
  /** The address is elsewhere than the registry: nobody there is shown credentials. */
  readonly foreign: boolean
  /** Bytes that the registry has. */
  readonly offset: number
  /** The least that a piece may have, besides the last one. */
  readonly minPieceBytes?: number
}

/** Bytes to send. */
export interface UploadBody {
  readonly size: number
  /** From the first byte each time: what was refused for its credentials is sent again. */
  open(): AsyncIterable<Uint8Array>
}

/** A manifest or index as it is to be published. */
export interface PublishedManifest {
  readonly mediaType: string
  readonly bytes: Uint8Array
}

/** What the registry said to a manifest. */
export interface PublishAnswer {
  /** It lists the manifest among the referrers of its subject. Without that, whoever pushes a referrer has to do it. */
  readonly listsReferrer: boolean
}

/**
 * Port: what puts content into registries. Mirrors have no part in it. Failures are those of `Registry`, with the steps
 * `upload` and `publish`. No method retries.
 * Spec: distribution-spec v1.1 "Push".
 */
export interface Uploads {
  /**
   * What a tag or digest names in the registry itself; undefined for nothing. A mirror's answer would not say what a push
   * replaces.
   */
  current(repository: Repository, name: string, options?: CallOptions): Promise<Descriptor | undefined>

  /** Whether the repository has the blob. */
  has(repository: Repository, digest: Digest, options?: CallOptions): Promise<boolean>

  /**
   * Opens an upload. With `mountFrom`, a repository of the same registry, the registry may take the blob from there instead.
   * @returns undefined when it did, and there is nothing to send.
   */
  begin(
    repository: Repository,
    options: CallOptions & { readonly digest: Digest; readonly mountFrom?: string },
  ): Promise<UploadSession | undefined>

  /**
   * Sends the next piece. `offset` of the result says how much the registry took, which may be less.
   * @throws HearthError RANGE_INVALID when it claims to have more, or refuses the piece's place; BLOB_UPLOAD_UNKNOWN when it
   *   does not go on with the upload.
   */
  append(session: UploadSession, piece: UploadBody, options?: CallOptions): Promise<UploadSession>

  /** How much the registry has, after a piece broke off. @throws HearthError BLOB_UPLOAD_UNKNOWN */
  status(session: UploadSession, options?: CallOptions): Promise<UploadSession>

  /**
   * Ends the upload: sends what is left, and the digest of all. The blob is there when it resolves.
   * @throws HearthError DIGEST_MISMATCH when the registry received something else.
   */
  finish(session: UploadSession, digest: Digest, options?: CallOptions & { readonly last?: UploadBody }): Promise<void>

  /** Lets the registry forget an upload that nobody goes on with. A registry that cannot do that is no failure. */
  cancel(session: UploadSession, options?: CallOptions): Promise<void>

  /**
   * Puts a manifest under a tag or its own digest.
   * @throws HearthError BLOB_UNKNOWN when the registry lacks something that it refers to, MANIFEST_INVALID …
   */
  publish(
    repository: Repository,
    name: string,
    options: CallOptions & { readonly manifest: PublishedManifest },
  ): Promise<PublishAnswer>
}
