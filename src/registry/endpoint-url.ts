import type { Endpoint } from './mirrors.js'

/**
 * The address of a manifest or blob. Each segment is encoded on its own, so that no name can leave its place.
 * Spec: distribution-spec v1.1 "Endpoints".
 * @param name a digest, or a tag for a manifest.
 */
export function contentUrl(endpoint: Endpoint, repository: string, kind: 'manifests' | 'blobs', name: string): URL {
  return repositoryUrl(endpoint, repository, [kind, name])
}

/** The address of a repository's tag list, its first page. Spec: distribution-spec v1.1 "Listing Tags". */
export function tagsUrl(endpoint: Endpoint, repository: string, tagsPerPage: number): URL {
  const url = repositoryUrl(endpoint, repository, ['tags', 'list'])
  url.searchParams.set('n', `${tagsPerPage}`)
  return url
}

/** The address of the list of what refers to a manifest. Spec: distribution-spec v1.1 "Listing Referrers". */
export function referrersUrl(
  endpoint: Endpoint,
  repository: string,
  { digest, artifactType }: { readonly digest: string; readonly artifactType?: string },
): URL {
  const url = repositoryUrl(endpoint, repository, ['referrers', digest])
  if (artifactType !== undefined) url.searchParams.set('artifactType', artifactType)
  return url
}

/** Where uploads are opened. Spec: distribution-spec v1.1 "Endpoints", end-4. */
export function uploadsUrl(endpoint: Endpoint, repository: string): URL {
  return new URL(`${repositoryUrl(endpoint, repository, ['blobs', 'uploads']).href}/`)
}

/** The repository's name on this endpoint, as it stands in paths and token scopes. */
export function repositoryAt(endpoint: Endpoint, repository: string): string {
  return `${endpoint.prefix}${repository}`
}

/** The repository that a blob's address names; undefined for any other address. */
export function repositoryOf(url: URL): string | undefined {
  return /^\/v2\/(.+)\/blobs\/[^/]+$/.exec(url.pathname)?.[1]
}

function repositoryUrl(endpoint: Endpoint, repository: string, rest: readonly string[]): URL {
  const segments = [...repositoryAt(endpoint, repository).split('/'), ...rest]
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..')) {
    throw new TypeError(`not a repository: ${JSON.stringify(repository)}`)
  }
  // A colon needs no escape in a path, and some registries route on the raw text.
  const path = segments.map((segment) => encodeURIComponent(segment).replaceAll('%3A', ':')).join('/')
  return new URL(`/v2/${path}`, endpoint.origin)
}
