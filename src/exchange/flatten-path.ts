import { layerInvalid } from './layer-error.js'
import type { TarHeader } from './tar-header.js'

/** Linux opens no longer name, and no longer path. */
const MAX_NAME_BYTES = 255
export const MAX_PATH_BYTES = 4095
const WHITEOUT = '.wh.'
/** Names that AUFS kept for itself beside its whiteouts: they were never part of anybody's files. */
const AUFS_OWN = '.wh..wh.'
const OPAQUE = '.wh..wh..opq'

/** What an entry's name says. `parents` and `name` are byte strings; without `name` it is the root itself. */
export type LayerPath =
  | { readonly kind: 'entry'; readonly parents: readonly string[]; readonly name: string | undefined }
  /** Hides one name of the layers below. */
  | { readonly kind: 'whiteout'; readonly parents: readonly string[]; readonly name: string }
  /** Hides all that the layers below have in a folder. */
  | { readonly kind: 'opaque'; readonly parents: readonly string[] }
  | { readonly kind: 'ignored' }

/**
 * Pure. Reads the name of a layer's entry. `./`, a slash in front and doubled ones mean nothing; `..` is refused even where
 * it would stay inside, since no tool writes it in good faith.
 * Spec: image-spec v1.1 layer.md "Whiteouts".
 * @throws HearthError LAYER_INVALID
 */
export function parseLayerPath({ name }: Pick<TarHeader, 'name'>): LayerPath {
  const components = componentsOf(name, 'an entry')
  const last = components.at(-1)
  const parents = components.slice(0, -1)
  if (components.some((component) => component.startsWith(AUFS_OWN) && component !== OPAQUE)) return { kind: 'ignored' }
  if (parents.some((parent) => parent.startsWith(WHITEOUT))) throw layerInvalid('a whiteout holds files', { name })
  if (last === OPAQUE) return { kind: 'opaque', parents }
  if (!last?.startsWith(WHITEOUT)) return { kind: 'entry', parents, name: last }
  const hidden = last.slice(WHITEOUT.length)
  if (hidden === '' || hidden === '.' || hidden === '..') throw layerInvalid('a whiteout hides no name', { name })
  return { kind: 'whiteout', parents, name: hidden }
}

/** Pure. What a hard link names, from the root. @throws HearthError LAYER_INVALID */
export function parseLinkTarget({ linkName }: Pick<TarHeader, 'linkName'>): readonly string[] {
  return componentsOf(linkName, 'a hard link')
}

/** Pure. The components of a symlink's text, `..` included: where they lead is known only when the link is followed. */
export function symlinkComponents(target: string): readonly string[] {
  return target.split('/').filter((component) => component !== '' && component !== '.')
}

function componentsOf(path: string, what: string): readonly string[] {
  if (path === '') throw layerInvalid(`${what} has no name`)
  if (path.includes('\0')) throw layerInvalid(`${what} has a NUL in its name`, { name: path })
  if (path.length > MAX_PATH_BYTES) throw layerInvalid(`${what} has a name of ${path.length} bytes`)
  const components = symlinkComponents(path)
  if (components.includes('..')) throw layerInvalid(`${what} leads out of its folder`, { name: path })
  if (components.some(({ length }) => length > MAX_NAME_BYTES)) throw layerInvalid(`${what} has too long a name`)
  return components
}
