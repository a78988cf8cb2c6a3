import { HearthError } from '../errors.js'
import type { Descriptor } from '../oci/descriptor.js'
import { algorithmOf, type Digest, isDigest } from '../oci/digest.js'
import { digestBytes } from '../oci/hasher.js'
import { parseManifest, successors } from '../oci/manifest.js'
import { isAmongManifests, isNondistributableType } from '../oci/media-type.js'
import type { FetchedManifest } from './registry.js'
import type { PublishAnswer, PublishedManifest, Repository, UploadBody, UploadSession, Uploads } from './uploads.js'

/** What one repository holds in memory. */
export interface MemoryRepository {
  readonly tags: Map<string, Digest>
  readonly manifests: Map<Digest, FetchedManifest>
  readonly blobs: Map<Digest, Uint8Array>
}

export interface MemoryUploadsOptions {
  /** The repository under this name; made when it is new. */
  readonly open: (repository: Repository) => MemoryRepository
  /** Called before each answer: it is counted, and may be made to fail. */
  readonly arrive: (request: MemoryUpload, signal: AbortSignal | undefined) => Promise<void>
}

/** A call as it came in. */
export interface MemoryUpload {
  readonly step: 'upload' | 'publish'
  readonly host: string
  readonly repository: string
  readonly call: 'current' | 'has' | 'begin' | 'append' | 'status' | 'finish' | 'cancel' | 'publish'
  readonly digest?: Digest
}

interface Call {
  readonly signal?: AbortSignal
}

/** Adapter: pushes into the repositories of a MemoryRegistry. */
export class MemoryUploads implements Uploads {
  readonly #options: MemoryUploadsOptions
  readonly #sessions = new Map<string, Uint8Array>()
  #opened = 0

  constructor(options: MemoryUploadsOptions) {
    this.#options = options
  }

  async current(repository: Repository, name: string, { signal }: Call = {}): Promise<Descriptor | undefined> {
    await this.#arrive(repository, { call: 'current' }, signal)
    const { tags, manifests } = this.#options.open(repository)
    const digest = isDigest(name) ? name : tags.get(name)
    return digest && manifests.get(digest)?.descriptor
  }

  async has(repository: Repository, digest: Digest, { signal }: Call = {}): Promise<boolean> {
    await this.#arrive(repository, { call: 'has', digest }, signal)
    return this.#options.open(repository).blobs.has(digest)
  }

  async begin(
    place: Repository,
    { digest, mountFrom, signal }: Call & { readonly digest: Digest; readonly mountFrom?: string },
  ): Promise<UploadSession | undefined> {
    await this.#arrive(place, { call: 'begin', digest }, signal)
    const { registry, repository } = place
    const elsewhere = mountFrom && this.#options.open({ registry, repository: mountFrom }).blobs.get(digest)
    if (elsewhere) {
      this.#options.open(place).blobs.set(digest, elsewhere)
      return undefined
    }
    this.#opened += 1
    const url = `memory://${registry}/${repository}/uploads/${this.#opened}`
    this.#sessions.set(url, new Uint8Array())
    return { registry, repository, url, foreign: false, offset: 0 }
  }

  async append(session: UploadSession, piece: UploadBody, { signal }: Call = {}): Promise<UploadSession> {
    await this.#arrive(session, { call: 'append' }, signal)
    const bytes = await this.#received(session, piece)
    this.#sessions.set(session.url, bytes)
    return { ...session, offset: bytes.length }
  }

  async status(session: UploadSession, { signal }: Call = {}): Promise<UploadSession> {
    await this.#arrive(session, { call: 'status' }, signal)
    return { ...session, offset: this.#held(session).length }
  }

  async finish(session: UploadSession, digest: Digest, options: Call & { readonly last?: UploadBody } = {}) {
    await this.#arrive(session, { call: 'finish', digest }, options.signal)
    const bytes = options.last === undefined ? this.#held(session) : await this.#received(session, options.last)
    this.#sessions.delete(session.url)
    const actual = await digestBytes(bytes, algorithmOf(digest))
    if (actual !== digest) throw refused('DIGEST_MISMATCH', session, { expected: digest, actual })
    this.#options.open(session).blobs.set(digest, bytes)
  }

  async cancel(session: UploadSession, { signal }: Call = {}): Promise<void> {
    await this.#arrive(session, { call: 'cancel' }, signal)
    this.#sessions.delete(session.url)
  }

  async publish(
    place: Repository,
    name: string,
    { manifest, signal }: Call & { readonly manifest: PublishedManifest },
  ): Promise<PublishAnswer> {
    const { mediaType, bytes } = manifest
    const digest = await digestBytes(bytes, isDigest(name) ? algorithmOf(name) : 'sha256')
    await this.#arrive(place, { call: 'publish', digest }, signal)
    if (isDigest(name) && name !== digest) {
      throw refused('DIGEST_MISMATCH', place, { expected: name, actual: digest }, 'publish')
    }
    const held = this.#options.open(place)
    const parsed = parseManifest(bytes, mediaType)
    const missing = successors(parsed).find((child) => {
      if (isNondistributableType(child.mediaType)) return false
      const isManifest = parsed.kind === 'index' && isAmongManifests(child.mediaType)
      return !(isManifest ? held.manifests.has(child.digest) : held.blobs.has(child.digest))
    })
    if (missing !== undefined) throw refused('BLOB_UNKNOWN', place, { digest: missing.digest }, 'publish')
    held.manifests.set(digest, { descriptor: { mediaType, digest, size: bytes.length }, bytes: bytes.slice() })
    if (!isDigest(name)) held.tags.set(name, digest)
    return { listsReferrer: parsed.kind !== 'opaque' && parsed.subject !== undefined }
  }

  #held(session: UploadSession): Uint8Array {
    const held = this.#sessions.get(session.url)
    if (held === undefined) throw refused('BLOB_UPLOAD_UNKNOWN', session)
    return held
  }

  /** With the piece behind what is there already. */
  async #received(session: UploadSession, { open }: UploadBody): Promise<Uint8Array> {
    const held = this.#held(session)
    if (held.length !== session.offset) {
      throw refused('RANGE_INVALID', session, { expected: held.length, actual: session.offset })
    }
    const pieces = [held]
    for await (const piece of open()) pieces.push(piece)
    return new Uint8Array(Buffer.concat(pieces))
  }

  async #arrive(
    { registry, repository }: Repository,
    { call, digest }: { readonly call: MemoryUpload['call']; readonly digest?: Digest },
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const step = call === 'publish' || call === 'current' ? 'publish' : 'upload'
    await this.#options.arrive(
      { step, host: registry, repository, call, ...(digest !== undefined && { digest }) },
      signal,
    )
  }
}

function refused(
  code: 'DIGEST_MISMATCH' | 'BLOB_UPLOAD_UNKNOWN' | 'RANGE_INVALID' | 'BLOB_UNKNOWN',
  { registry, repository }: Repository,
  details: Readonly<Record<string, string | number>> = {},
  step: 'upload' | 'publish' = 'upload',
): HearthError {
  return new HearthError(code, `${registry}/${repository} refuses it`, {
    ...details,
    host: registry,
    step,
    status: 400,
  })
}
