import { type Digest, isDigest } from '../../src/oci/digest.js'
import { OCI_INDEX } from '../../src/oci/media-type.js'
import type { FetchedManifest } from '../../src/registry/registry.js'
import type { BuiltImage } from './an-image.js'
import { type BlobContent, contentOf, sliceContent } from './blob-content.js'
import { type Answer, anAnswer, errorAnswer, jsonAnswer } from './raw-answer.js'
import type { RawRequest } from './raw-http.js'
import type { RequestKind } from './raw-steps.js'

/** What a path asks for. */
export interface Route {
  readonly kind: RequestKind
  readonly repository?: string
  /** Tag or digest. */
  readonly name?: string
  readonly digest?: Digest
}

export interface RouteOptions {
  /** `false`: Range is ignored. */
  readonly ranges: boolean
  /** `false`: no Docker-Content-Digest. */
  readonly digestHeader: boolean
  /** `false`: HEAD is answered with 405. */
  readonly head: boolean
  /** Referrers on a page of the referrers API; without it the registry has no such API. */
  readonly referrersPerPage?: number
}

const UPLOADS = /^\/v2\/(?<repository>.+)\/blobs\/uploads\/(?<name>[^/]*)$/
const REFERRERS = /^\/v2\/(?<repository>.+)\/referrers\/(?<name>[^/]+)$/
const PATH = /^\/v2\/(?<repository>.+)\/(?:(?<kind>manifests|blobs)\/(?<name>[^/]+)|tags\/list)$/

/** Spec: distribution-spec v1.1 "Endpoints". */
export function routeOf(path: string): Route {
  if (path === '/v2/' || path === '/v2') return { kind: 'ping' }
  if (path === '/token') return { kind: 'token' }
  const upload = UPLOADS.exec(path)?.groups
  if (upload?.repository !== undefined) {
    return { kind: 'upload', repository: upload.repository, ...(upload.name && { name: upload.name }) }
  }
  const referrers = REFERRERS.exec(path)?.groups
  if (referrers?.repository !== undefined && isDigest(referrers.name)) {
    return { kind: 'referrers', repository: referrers.repository, digest: referrers.name }
  }
  const { repository, kind, name } = PATH.exec(path)?.groups ?? {}
  if (repository === undefined) return { kind: 'other' }
  if (kind === undefined || name === undefined) return { kind: 'tags', repository }
  const route = { kind: kind === 'blobs' ? 'blob' : 'manifest', repository, name } as const
  return isDigest(name) ? { ...route, digest: name } : route
}

/** What the server has under one name. */
export class Repository {
  readonly #tags = new Map<string, Digest>()
  readonly #manifests = new Map<string, FetchedManifest>()
  readonly #blobs = new Map<string, BlobContent>()

  add(image: BuiltImage, tag?: string): void {
    for (const [digest, manifest] of image.manifests) this.#manifests.set(digest, manifest)
    for (const [digest, bytes] of image.blobs) this.#blobs.set(digest, contentOf(bytes))
    for (const [digest, content] of image.streamed) this.#blobs.set(digest, content)
    if (tag !== undefined) this.#tags.set(tag, image.root.digest)
  }

  /** The bytes of a blob; undefined when it is not here. */
  blob(digest: string): BlobContent | undefined {
    return this.#blobs.get(digest)
  }

  addBlob(digest: string, content: BlobContent): void {
    this.#blobs.set(digest, content)
  }

  /** Digests of everything that was put here. */
  held(): ReadonlySet<string> {
    return new Set([...this.#blobs.keys(), ...this.#manifests.keys()])
  }

  tagged(tag: string): Digest | undefined {
    return this.#tags.get(tag)
  }

  /** Puts a manifest under its digest, and under its tag when the name is one. */
  addManifest(name: string, manifest: FetchedManifest): void {
    this.#manifests.set(manifest.descriptor.digest, manifest)
    if (!isDigest(name)) this.#tags.set(name, manifest.descriptor.digest)
  }

  hasManifest(digest: string): boolean {
    return this.#manifests.has(digest)
  }

  /** The right answer to a request for this repository. */
  answer(route: Route, request: RawRequest, options: RouteOptions): Answer {
    if (request.method === 'HEAD' && !options.head) return errorAnswer(405, 'UNSUPPORTED')
    if (request.method !== 'HEAD' && request.method !== 'GET') return errorAnswer(405, 'UNSUPPORTED')
    const { kind, repository, name = '' } = route
    if (kind === 'referrers') return this.#referrers(route, request, options)
    if (kind === 'tags') return jsonAnswer(200, { name: repository, tags: [...this.#tags.keys()].sort() })
    if (kind === 'manifest') return manifestAnswer(this.#manifests.get(this.#tags.get(name) ?? name), options)
    const content = this.#blobs.get(name)
    if (content === undefined) return errorAnswer(404, 'BLOB_UNKNOWN')
    return blobAnswer(content, { digest: name, range: options.ranges ? request.headers.range : undefined, options })
  }

  /** Spec: distribution-spec v1.1 "Listing Referrers". The next page is said by a number. */
  #referrers({ repository, digest }: Route, { path, query }: RawRequest, { referrersPerPage }: RouteOptions): Answer {
    if (referrersPerPage === undefined) return errorAnswer(404, 'UNSUPPORTED')
    const type = query.get('artifactType')
    const all = [...this.#manifests.values()].flatMap(({ descriptor, bytes }) => {
      const { subject, artifactType } = JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>
      const fits = (subject as { digest?: string } | undefined)?.digest === digest && (!type || type === artifactType)
      return fits ? [{ ...descriptor, ...(typeof artifactType === 'string' && { artifactType }) }] : []
    })
    const from = Number(query.get('from') ?? 0)
    const manifests = all.slice(from, from + referrersPerPage)
    const next = from + referrersPerPage
    const filter = type === null ? '' : `&artifactType=${encodeURIComponent(type)}`
    return jsonAnswer(
      200,
      { schemaVersion: 2, mediaType: OCI_INDEX, manifests },
      {
        'Content-Type': OCI_INDEX,
        ...(next < all.length && { Link: `<${path}?from=${next}${filter}>; rel="next"` }),
        ...(repository && type !== null && { 'OCI-Filters-Applied': 'artifactType' }),
      },
    )
  }
}

function manifestAnswer(manifest: FetchedManifest | undefined, { digestHeader }: RouteOptions): Answer {
  if (manifest === undefined) return errorAnswer(404, 'MANIFEST_UNKNOWN')
  const { mediaType, digest } = manifest.descriptor
  return anAnswer({
    headers: { 'Content-Type': mediaType, ...(digestHeader && { 'Docker-Content-Digest': digest }) },
    body: contentOf(manifest.bytes),
  })
}

interface BlobRequest {
  readonly digest: string
  readonly range: string | undefined
  readonly options: RouteOptions
}

/** Spec: RFC 9110 section 14, one range of the form `bytes=first-[last]`; anything else is ignored, as it allows. */
function blobAnswer(content: BlobContent, { digest, range, options }: BlobRequest): Answer {
  const headers = {
    'Content-Type': 'application/octet-stream',
    ...(options.ranges && { 'Accept-Ranges': 'bytes' }),
    ...(options.digestHeader && { 'Docker-Content-Digest': digest }),
  }
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(range ?? '') ?? []
  if (first === undefined) return anAnswer({ headers, body: content })
  const start = Number(first)
  const end = last ? Math.min(Number(last) + 1, content.size) : content.size
  if (start >= end) return errorAnswer(416, 'RANGE_INVALID', { 'Content-Range': `bytes */${content.size}` })
  return anAnswer({
    status: 206,
    headers: { ...headers, 'Content-Range': `bytes ${start}-${end - 1}/${content.size}` },
    body: sliceContent(content, start, end),
  })
}
