import { isHearthError } from '../errors.js'
import type { Descriptor } from '../oci/descriptor.js'
import { type Digest, isDigest } from '../oci/digest.js'
import type { Access } from './access.js'
import { contentUrl, uploadsUrl } from './endpoint-url.js'
import type { HttpAuth } from './http-auth.js'
import { exchangeAuthorized } from './http-authorized.js'
import { demandStatus, type Exchanged, type ExchangeRequest, exchange } from './http-client.js'
import type { Transport } from './http-dispatcher.js'
import { fetchManifest, headManifest } from './http-manifest.js'
import type { Endpoint } from './mirrors.js'
import type { CallOptions } from './registry.js'
import { type AskedUpload, nextSession } from './upload-answer.js'
import type { PublishAnswer, PublishedManifest, Repository, UploadBody, UploadSession, Uploads } from './uploads.js'
import type { Step } from './where.js'

export interface HttpUploadsOptions {
  readonly transport: Transport
  readonly auth: HttpAuth
  readonly now: () => number
  /** The registry itself: a mirror is nothing to push to. */
  readonly endpointOf: (registry: string) => Endpoint
}

/** An answer to an upload says everything in its headers. */
const MAX_ANSWER_BYTES = 64 * 1024
/** A registry that keeps blobs in an object store copies them to their place before it answers: minutes, for a large one. */
const COMMIT_TIMEOUT_MS = 600_000
const NO_BYTES = new Uint8Array()
/** What a registry answers that does not mount: the blob is not there, or it is nothing we may read. */
const NOT_MOUNTED: ReadonlySet<number> = new Set([401, 403, 404, 405])

/** One request of an upload. */
interface Asked extends Pick<ExchangeRequest, 'method' | 'headers' | 'body' | 'headersTimeoutMs'> {
  readonly url: URL
  readonly step: Step
  readonly access?: Access
  readonly foreign?: boolean
  readonly signal?: AbortSignal | undefined
}

/** Adapter: pushes over HTTP. Spec: distribution-spec v1.1 "Push". */
export class HttpUploads implements Uploads {
  readonly #options: HttpUploadsOptions

  constructor(options: HttpUploadsOptions) {
    this.#options = options
  }

  async current(place: Repository, name: string, { signal }: CallOptions = {}): Promise<Descriptor | undefined> {
    const { transport, auth, now } = this.#options
    const linked = { ...(signal !== undefined && { signal }), ...(isDigest(name) && { digest: name }) }
    const context = { transport, auth, now, endpoint: this.#endpoint(place), repository: place.repository }
    const request = { ...context, access: {}, name, ...linked }
    try {
      return (await headManifest(request)) ?? (await fetchManifest(request)).descriptor
    } catch (error) {
      if (isHearthError(error, 'MANIFEST_UNKNOWN') || isHearthError(error, 'NAME_UNKNOWN')) return undefined
      throw error
    }
  }

  async has(repository: Repository, digest: Digest, { signal }: CallOptions = {}): Promise<boolean> {
    const url = contentUrl(this.#endpoint(repository), repository.repository, 'blobs', digest)
    const answer = await this.#ask(repository, { method: 'HEAD', url, step: 'upload', signal })
    if (answer.status === 404) return false
    // Whoever was sent to the storage knows enough: addresses that are signed for a GET refuse a HEAD.
    if (!answer.foreign) this.#demand(answer, [200], { repository, step: 'upload' })
    return true
  }

  async begin(
    repository: Repository,
    { digest, mountFrom, signal }: CallOptions & { readonly digest: Digest; readonly mountFrom?: string },
  ): Promise<UploadSession | undefined> {
    const url = uploadsUrl(this.#endpoint(repository), repository.repository)
    const open: Asked = { method: 'POST', url, body: NO_BYTES, step: 'upload', signal }
    if (mountFrom !== undefined) {
      const mount = new URL(url)
      mount.searchParams.set('mount', digest)
      mount.searchParams.set('from', mountFrom)
      const answer = await unlessRefused(this.#ask(repository, { ...open, url: mount, access: { mountFrom } }))
      if (answer?.status === 201) return undefined
      if (answer?.status === 202) return this.#session(answer, repository, { url: mount, foreign: false, sent: 0 })
      if (answer && !NOT_MOUNTED.has(answer.status)) this.#demand(answer, [201, 202], { repository, step: 'upload' })
    }
    const answer = this.#demand(await this.#ask(repository, open), [202], { repository, step: 'upload' })
    return this.#session(answer, repository, { url, foreign: false, sent: 0 })
  }

  async append(session: UploadSession, piece: UploadBody, { signal }: CallOptions = {}): Promise<UploadSession> {
    const { offset } = session
    const sent = offset + piece.size
    const headers = { 'content-type': 'application/octet-stream', 'content-range': `${offset}-${sent - 1}` }
    const answer = await this.#goOn(session, { method: 'PATCH', headers, body: piece, signal })
    return this.#next(this.#demand(answer, [202, 204], { repository: session, step: 'upload' }), session, sent)
  }

  async status(session: UploadSession, { signal }: CallOptions = {}): Promise<UploadSession> {
    const answer = await this.#goOn(session, { method: 'GET', signal })
    const known = this.#demand(answer, [200, 202, 204], { repository: session, step: 'upload' })
    return this.#next(known, session, 'unknown')
  }

  async finish(
    session: UploadSession,
    digest: Digest,
    { last, signal }: CallOptions & { readonly last?: UploadBody } = {},
  ): Promise<void> {
    const url = new URL(session.url)
    url.searchParams.set('digest', digest)
    const range = last && session.offset > 0 && `${session.offset}-${session.offset + last.size - 1}`
    const headers = { 'content-type': 'application/octet-stream', ...(range && { 'content-range': range }) }
    const answer = await this.#goOn(
      { ...session, url: url.href },
      { method: 'PUT', headers, body: last ?? NO_BYTES, headersTimeoutMs: COMMIT_TIMEOUT_MS, signal },
    )
    this.#demand(answer, [201, 202, 204], { repository: session, step: 'upload' })
  }

  async cancel(session: UploadSession, { signal }: CallOptions = {}): Promise<void> {
    await this.#goOn(session, { method: 'DELETE', signal })
  }

  async publish(
    repository: Repository,
    name: string,
    { manifest, signal }: CallOptions & { readonly manifest: PublishedManifest },
  ): Promise<PublishAnswer> {
    const url = contentUrl(this.#endpoint(repository), repository.repository, 'manifests', name)
    const headers = { 'content-type': manifest.mediaType }
    const put = { method: 'PUT', url, headers, body: manifest.bytes, step: 'publish', signal } as const
    const answer = this.#demand(await this.#ask(repository, put), [201, 202], { repository, step: 'publish' })
    return { listsReferrer: answer.headers['oci-subject'] !== undefined }
  }

  #next(answer: Exchanged, session: UploadSession, sent: number | 'unknown'): UploadSession {
    return this.#session(answer, session, { ...session, url: new URL(session.url), sent })
  }

  #session(
    answer: Exchanged,
    { registry, repository }: Repository,
    asked: Omit<AskedUpload, keyof Repository | 'where'>,
  ): UploadSession {
    const where = { host: asked.url.host, step: 'upload' } as const
    return nextSession(answer.headers, { ...asked, registry, repository, where })
  }

  /** At the registry, or where it sent us: there without credentials, however it asks. */
  #goOn(session: UploadSession, asked: Omit<Asked, 'url' | 'step' | 'foreign'>): Promise<Exchanged> {
    const { foreign } = session
    return this.#ask(session, { ...asked, url: new URL(session.url), step: 'upload', foreign })
  }

  async #ask(place: Repository, { step, access = {}, signal, foreign = false, ...asked }: Asked): Promise<Exchanged> {
    const endpoint = this.#endpoint(place)
    const { transport, auth, now } = this.#options
    const where = { host: foreign ? asked.url.host : endpoint.host, step }
    const request = { ...asked, where, foreign, maxBytes: MAX_ANSWER_BYTES, tooLarge: 'PROTOCOL_ERROR' } as const
    const linked = { ...(signal !== undefined && { signal }) }
    if (foreign) return await exchange({ ...request, ...linked }, transport)
    const { repository } = place
    return await exchangeAuthorized({ transport, auth, now, endpoint, repository, access, ...linked }, request)
  }

  #demand(
    answer: Exchanged,
    statuses: readonly number[],
    { repository, step }: { readonly repository: Repository; readonly step: Step },
  ): Exchanged {
    const where = { host: this.#endpoint(repository).host, step }
    return demandStatus(answer, statuses, { where, nowMs: this.#options.now() })
  }

  #endpoint({ registry }: Repository): Endpoint {
    return this.#options.endpointOf(registry)
  }
}

/** Undefined where there is no Authorization for it: whoever gives these out may refuse all of what is asked for because of a part. */
async function unlessRefused(asking: Promise<Exchanged>): Promise<Exchanged | undefined> {
  try {
    return await asking
  } catch (error) {
    if (isHearthError(error, 'UNAUTHORIZED') || isHearthError(error, 'DENIED')) return undefined
    throw error
  }
}
