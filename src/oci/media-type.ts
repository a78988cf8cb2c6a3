/** Media types of image-spec v1.1 media-types.md and of Docker image manifest version 2, schema 2. */
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json'
export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
export const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json'
export const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar'
export const OCI_LAYER_GZIP = 'application/vnd.oci.image.layer.v1.tar+gzip'
export const OCI_LAYER_ZSTD = 'application/vnd.oci.image.layer.v1.tar+zstd'
export const OCI_EMPTY = 'application/vnd.oci.empty.v1+json'
export const DOCKER_INDEX = 'application/vnd.docker.distribution.manifest.list.v2+json'
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'
export const DOCKER_CONFIG = 'application/vnd.docker.container.image.v1+json'
export const DOCKER_LAYER_GZIP = 'application/vnd.docker.image.rootfs.diff.tar.gzip'

/** Schema 1, signed and unsigned: long deprecated, and its digest does not cover the bytes. */
const DOCKER_SCHEMA_1: readonly string[] = [
  'application/vnd.docker.distribution.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v1+prettyjws',
]
/** What servers say of JSON, or of any file, when they know no better. */
const GENERIC: readonly string[] = ['application/json', 'text/plain']

// RFC 6838 section 4.2, as image-spec's schema has it.
const MEDIA_TYPE = /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/

/** What a manifest request accepts, most wanted first. */
export const MANIFEST_ACCEPT: readonly string[] = [OCI_INDEX, OCI_MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST]

/** Whether the type says image index or manifest list. */
export function isIndexType(mediaType: string): boolean {
  return mediaType === OCI_INDEX || mediaType === DOCKER_INDEX
}

/** Whether the type says image manifest: OCI's, or Docker's schema 2. */
export function isManifestType(mediaType: string): boolean {
  return mediaType === OCI_MANIFEST || mediaType === DOCKER_MANIFEST
}

/**
 * Whether registries keep what an index lists with their manifests: indexes and manifests as everybody knows them, and what
 * calls itself one, as an artifact's `application/vnd.oci.artifact.manifest.v1+json` does. All else is a blob, as it is for
 * containerd and crane: BuildKit's caches are indexes of layers and a config.
 * Spec: image-spec v1.1 image-index.md "manifests": unknown types are no error.
 */
export function isAmongManifests(mediaType: string): boolean {
  return /[/.](?:manifest|index)(?:[.+]|$)/.test(mediaType)
}

/** Configs that name the platform an image was made for. */
export function isImageConfigType(mediaType: string): boolean {
  return mediaType === OCI_CONFIG || mediaType === DOCKER_CONFIG
}

/**
 * Layers that registries do not hold, because their licence forbids it (Windows base images). Their `urls` are not
 * followed: they would send requests wherever a manifest's author likes. Spec: image-spec v1.1 layer.md "Non-Distributable".
 */
export function isNondistributableType(mediaType: string): boolean {
  return mediaType.includes('.nondistributable.') || mediaType.includes('.rootfs.foreign.')
}

/** Whether the type says Docker schema 1. */
export function isSchema1Type(mediaType: string): boolean {
  return DOCKER_SCHEMA_1.includes(mediaType)
}

/** Whether this is a media type at all, without parameters. */
export function isMediaType(value: unknown): value is string {
  return typeof value === 'string' && MEDIA_TYPE.test(value)
}

/**
 * The media type that a Content-Type or a descriptor declares: lower-case, without parameters (`; charset=utf-8`).
 * Undefined when it declares nothing useful: absent, malformed, `application/json` or `text/plain`.
 */
export function declaredType(contentType: string | undefined): string | undefined {
  const essence = contentType?.split(';', 1)[0]?.trim().toLowerCase()
  return isMediaType(essence) && !GENERIC.includes(essence) ? essence : undefined
}
