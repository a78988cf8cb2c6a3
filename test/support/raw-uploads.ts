import type { Descriptor } from '../../src/oci/descriptor.js'
import { algorithmOf, isDigest } from '../../src/oci/digest.js'
import { digestBytes } from '../../src/oci/hasher.js'
import { parseManifest, successors } from '../../src/oci/manifest.js'
import { isAmongManifests } from '../../src/oci/media-type.js'
import { contentOf } from './blob-content.js'
import { type Answer, anAnswer, errorAnswer } from './raw-answer.js'
import type { RawRequest } from './raw-http.js'
import type { Repository, Route } from './raw-routes.js'

export interface UploadOptions {
  /** `false`: a mount is answered as if an upload had been asked for. */
  readonly mount?: boolean
  /** Whether the answer to a manifest says that it is listed among its subject's referrers. */
  readonly subjects?: boolean
  /** Sent with the answers of an upload. */
  readonly minPieceBytes?: number
}

/** The uploads of a registry, as distribution-spec v1.1 "Push" has them. A piece that breaks off is kept as far as it came. */
export class RawUploads {
  readonly #options: UploadOptions
  readonly #open: (name: string) => Repository
  readonly #sessions = new Map<string, Buffer>()
  #opened = 0

  constructor(options: UploadOptions, open: (name: string) => Repository) {
    this.#options = options
    this.#open = open
  }

  /** Sessions that were neither finished nor cancelled. */
  get pending(): number {
    return this.#sessions.size
  }

  async answer(request: RawRequest, { repository = '', name }: Route): Promise<Answer> {
    if (name === undefined) return request.method === 'POST' ? this.#begin(request, repository) : notAllowed()
    const received = this.#sessions.get(name)
    if (received === undefined) return errorAnswer(404, 'BLOB_UPLOAD_UNKNOWN')
    switch (request.method) {
      case 'GET':
        return this.#session(204, repository, name)
      case 'PATCH':
        return this.#append(request, repository, name)
      case 'PUT':
        return await this.#finish(request, repository, name)
      case 'DELETE':
        this.#sessions.delete(name)
        return anAnswer({ status: 204 })
      default:
        return notAllowed()
    }
  }

  /** Spec: "Pushing Manifests". */
  async publish({ headers, bytes }: RawRequest, { repository = '', name = '' }: Route): Promise<Answer> {
    const held = this.#open(repository)
    const digest = await digestBytes(bytes, isDigest(name) ? algorithmOf(name) : 'sha256')
    if (isDigest(name) && name !== digest) return errorAnswer(400, 'DIGEST_INVALID')
    const mediaType = headers['content-type'] ?? ''
    const parsed = parseManifest(bytes, mediaType)
    const isThere = ({ digest, mediaType }: Descriptor): boolean =>
      parsed.kind === 'index' && isAmongManifests(mediaType)
        ? held.hasManifest(digest)
        : held.blob(digest) !== undefined
    if (!successors(parsed).every(isThere)) return errorAnswer(404, 'MANIFEST_BLOB_UNKNOWN')
    held.addManifest(name, { descriptor: { mediaType, digest, size: bytes.length }, bytes: Uint8Array.from(bytes) })
    return anAnswer({
      status: 201,
      headers: {
        Location: `/v2/${repository}/manifests/${digest}`,
        'Docker-Content-Digest': digest,
        ...(this.#options.subjects &&
          parsed.kind !== 'opaque' &&
          parsed.subject && { 'OCI-Subject': parsed.subject.digest }),
      },
    })
  }

  #begin({ query }: RawRequest, repository: string): Answer {
    const [digest, from] = [query.get('mount'), query.get('from')]
    const elsewhere = digest && from && this.#options.mount !== false ? this.#open(from).blob(digest) : undefined
    if (digest && elsewhere) {
      this.#open(repository).addBlob(digest, elsewhere)
      return anAnswer({ status: 201, headers: { Location: `/v2/${repository}/blobs/${digest}` } })
    }
    this.#opened += 1
    this.#sessions.set(`${this.#opened}`, Buffer.alloc(0))
    return this.#session(202, repository, `${this.#opened}`)
  }

  #append({ headers, bytes }: RawRequest, repository: string, name: string): Answer {
    const received = this.#sessions.get(name) ?? Buffer.alloc(0)
    const [, from] = /^(\d+)-\d+$/.exec(headers['content-range'] ?? '') ?? []
    if (from !== undefined && Number(from) !== received.length) return this.#session(416, repository, name)
    this.#sessions.set(name, Buffer.concat([received, bytes]))
    return this.#session(202, repository, name)
  }

  async #finish({ query, bytes }: RawRequest, repository: string, name: string): Promise<Answer> {
    const digest = query.get('digest')
    if (!isDigest(digest)) return errorAnswer(400, 'DIGEST_INVALID')
    const all = Buffer.concat([this.#sessions.get(name) ?? Buffer.alloc(0), bytes])
    this.#sessions.delete(name)
    if ((await digestBytes(all, algorithmOf(digest))) !== digest) return errorAnswer(400, 'DIGEST_INVALID')
    this.#open(repository).addBlob(digest, contentOf(Uint8Array.from(all)))
    return anAnswer({ status: 201, headers: { Location: `/v2/${repository}/blobs/${digest}` } })
  }

  #session(status: number, repository: string, name: string): Answer {
    const received = this.#sessions.get(name)?.length ?? 0
    const { minPieceBytes } = this.#options
    const headers = {
      Location: `/v2/${repository}/blobs/uploads/${name}?state=${received}`,
      Range: `0-${Math.max(0, received - 1)}`,
      ...(minPieceBytes !== undefined && { 'OCI-Chunk-Min-Length': `${minPieceBytes}` }),
    }
    return anAnswer({ status, headers })
  }
}

function notAllowed(): Answer {
  return errorAnswer(405, 'UNSUPPORTED')
}
