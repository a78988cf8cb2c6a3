import { isDigest } from '../oci/digest.js'
import { quote } from '../oci/quote.js'
import { parseReference, type Reference } from '../oci/reference.js'
import {
  expectList,
  expectMap,
  expectText,
  type Located,
  type LocatedEntry,
  type LocatedMap,
  member,
} from './located.js'
import { inputInvalid } from './place.js'
import { parseSemverRange } from './semver-range.js'
import { at, type TagQuery, type WantedImage, wantImage } from './wanted-image.js'

const BY_REGEX = 'images-by-tag-regex'
const BY_SEMVER = 'images-by-semver'
const SECTIONS: readonly string[] = ['images', BY_REGEX, BY_SEMVER]
/** How to reach a registry is said to hearth by its own options and credential files. */
const CONNECTION: readonly string[] = ['credentials', 'tls-verify', 'cert-dir']

/** What can be named at once, and what the registries have to be asked for. */
export interface SyncPlan {
  readonly images: readonly WantedImage[]
  readonly queries: readonly TagQuery[]
}

/** Pure. Registries, each with one of skopeo's sections and nothing that is not skopeo's. */
export function isSkopeoSync(document: Located): boolean {
  if (document.kind !== 'map' || document.entries.size === 0) return false
  return [...document.entries.values()].every(({ value }) => {
    if (value.kind !== 'map') return false
    const names = [...value.entries.keys()]
    return (
      names.some((name) => SECTIONS.includes(name)) &&
      names.every((name) => SECTIONS.includes(name) || CONNECTION.includes(name))
    )
  })
}

/**
 * What `skopeo sync --src yaml` would copy: for each registry, repositories with a list of tags and digests (empty: every
 * tag), with a regular expression for tags, or with a version range. Its credentials and TLS settings are not used.
 * Format: skopeo-sync(1) "YAML FILE CONTENT".
 * @throws HearthError INPUT_INVALID
 */
export function readSkopeoSync(document: Located): SyncPlan {
  const images: WantedImage[] = []
  const queries: TagQuery[] = []
  for (const [registry, { value }] of expectMap(document, 'the document').entries) {
    const sections = expectMap(value, registry)
    for (const [name, entry] of repositories(sections, 'images')) {
      const named = namedTags(registry, name, entry)
      if (named.length > 0) images.push(...named)
      else queries.push(query(registry, name, { entry, description: 'every tag', accepts: () => true }))
    }
    for (const [name, entry] of repositories(sections, BY_REGEX)) queries.push(byRegex(registry, name, entry))
    for (const [name, entry] of repositories(sections, BY_SEMVER)) queries.push(bySemver(registry, name, entry))
  }
  return { images, queries }
}

function repositories(sections: LocatedMap, name: string): Iterable<[string, LocatedEntry]> {
  const section = member(sections, name)
  return section === undefined ? [] : expectMap(section, name).entries
}

function namedTags(registry: string, name: string, { place, value }: LocatedEntry): WantedImage[] {
  // A repository of any kind is checked, also when its tags come from the registry.
  at(place, () => repositoryOf(registry, name))
  if (value.kind === 'null') return []
  return expectList(value, name).items.map((item) => {
    const { text } = expectText(item, name)
    const separator = isDigest(text) ? '@' : ':'
    return wantImage({ kind: 'text', place: item.place, text: `${registry}/${name}${separator}${text}` })
  })
}

function byRegex(registry: string, name: string, entry: LocatedEntry): TagQuery {
  const { text, place } = expectText(entry.value, name)
  const pattern = parsePattern(text)
  if (pattern === undefined)
    throw inputInvalid(place, `not a regular expression that hearth understands: ${quote(text)}`)
  return query(registry, name, {
    entry,
    description: `${BY_REGEX} ${quote(text)}`,
    accepts: (tag) => pattern.test(tag),
  })
}

function bySemver(registry: string, name: string, entry: LocatedEntry): TagQuery {
  const { text, place } = expectText(entry.value, name)
  const accepts = parseSemverRange(text)
  if (accepts === undefined) throw inputInvalid(place, `not a version range: ${quote(text)}`)
  return query(registry, name, { entry, description: `${BY_SEMVER} ${quote(text)}`, accepts })
}

/**
 * Skopeo's expressions are Go's. Nearly all of them mean the same here; those that would silently mean something else are
 * refused. `(?i)` at the start is the one flag people use.
 */
function parsePattern(text: string): RegExp | undefined {
  if (/\\[AzQECpP]|\[\[:/.test(text)) return undefined
  const [, flag = '', source = ''] = /^(?:\(\?(i)\))?(.*)$/s.exec(text) ?? []
  try {
    return new RegExp(source.replaceAll('(?P<', '(?<'), flag)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function query(
  registry: string,
  name: string,
  { entry, description, accepts }: Pick<TagQuery, 'description' | 'accepts'> & { readonly entry: LocatedEntry },
): TagQuery {
  const { place } = entry
  return { repository: at(place, () => repositoryOf(registry, name)), description, accepts, place }
}

/** With a tag at its end, a name that already has a tag or digest is none. */
function repositoryOf(registry: string, name: string): Reference {
  return parseReference(`${registry}/${name}:any`)
}
