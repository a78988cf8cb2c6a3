import { isHearthError } from '../errors.js'
import type { Digest } from '../oci/digest.js'
import { knownFields, parseFields } from '../oci/fields.js'
import { parseDiffIds } from '../oci/image-config.js'
import { parseStrictJson } from '../oci/strict-json.js'
import { archiveInvalid } from './archive-error.js'

/** One image of a Docker archive. Paths are those of the archive. */
export interface DockerImage {
  readonly config: string
  readonly tags: readonly string[]
  /** Lowest first. */
  readonly layers: readonly string[]
}

/** An image has no more; Docker itself stops at 127. */
const MAX_LAYERS = 10_000
const ENTRY = knownFields('Config', 'RepoTags', 'Layers')

/**
 * Pure. What a Docker archive's manifest.json says. Moby: image/spec/v1.2.md "Combined Image JSON + Filesystem Changeset".
 * @throws HearthError ARCHIVE_INVALID
 */
export function parseDockerManifest(bytes: Uint8Array): readonly DockerImage[] {
  return invalidAs('manifest.json', () => {
    const list = parseStrictJson(bytes, { what: 'manifest.json', code: 'ARCHIVE_INVALID' })
    if (!Array.isArray(list) || list.length === 0) throw archiveInvalid('manifest.json lists no images')
    return list.map((value: unknown, at) => {
      const { Config: config, RepoTags: tags, Layers: layers } = parseFields(value, `manifest.json[${at}]`, ENTRY)
      if (typeof config !== 'string') throw archiveInvalid('manifest.json has an image without a config')
      return { config, tags: textsOf(tags, 'RepoTags'), layers: textsOf(layers, 'Layers') }
    })
  })
}

/**
 * Pure. The digests that an image's config promises for its layers' uncompressed bytes, lowest first.
 * @throws HearthError ARCHIVE_INVALID when it is no config of an image.
 */
export function parseArchivedDiffIds(config: Uint8Array): readonly Digest[] {
  return invalidAs('the config', () => parseDiffIds(config))
}

/** Go writes an empty list as null. */
function textsOf(value: unknown, what: string): readonly string[] {
  const list = value ?? []
  if (!Array.isArray(list) || list.length > MAX_LAYERS || list.some((item) => typeof item !== 'string')) {
    throw archiveInvalid(`${what} is no list of texts`)
  }
  return list
}

/** What is wrong with a document in the archive is wrong with the archive. */
function invalidAs<T>(what: string, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (!isHearthError(error, 'MANIFEST_INVALID')) throw error
    throw archiveInvalid(`${what} is not what it should be: ${error.message}`, error.details, error)
  }
}
