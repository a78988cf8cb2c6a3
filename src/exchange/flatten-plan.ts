import type { FolderFacts } from './flatten-entry.js'
import { type FlattenTree, type Name, pathOf } from './flatten-tree.js'

/** A folder of the result; the path of the root is empty. */
export interface PlannedFolder {
  readonly path: string
  readonly facts: FolderFacts
}

/** An entry of a layer that is still there after all layers, with each name that leads to it. */
export interface Survivor {
  /** Its number among the layer's entries. */
  readonly entry: number
  /** At least one; the first one gets the content. */
  readonly names: readonly Name[]
}

export interface FlattenPlan {
  /** Each before what is in it. */
  readonly folders: readonly PlannedFolder[]
  /** For each layer, in the order in which its entries stand. */
  readonly layers: readonly (readonly Survivor[])[]
}

/**
 * Pure. What is written, in which order: folders first, sorted, so that nothing has to be made before it is described; then
 * everything else, layer by layer, as its content comes by. The same tree gives the same plan.
 */
export function planFlatten(tree: FlattenTree, layers: number): FlattenPlan {
  const folders: PlannedFolder[] = []
  const names = new Map<Name['node'], Name[]>()
  // Most images leave it undescribed.
  if (tree.root.node.facts !== undefined) folders.push({ path: '', facts: tree.root.node.facts })
  for (const name of namesBelow(tree.root)) {
    const { node } = name
    if (node.facts !== undefined) folders.push({ path: pathOf(name), facts: node.facts })
    else if (names.has(node)) names.get(node)?.push(name)
    else names.set(node, [name])
  }
  const survivors = Array.from({ length: layers }, (): Survivor[] => [])
  for (const [{ place }, all] of names) {
    if (place !== undefined) survivors[place.layer]?.push({ entry: place.entry, names: all })
  }
  for (const list of survivors) list.sort((a, b) => a.entry - b.entry)
  return { folders, layers: survivors }
}

/** Sorted by bytes within each folder; a folder comes before what is in it. No deeper than a path is long. */
function* namesBelow(folder: Name): Generator<Name> {
  const names = [...(folder.node.names?.values() ?? [])].sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const name of names) {
    yield name
    if (name.node.kind === 'folder') yield* namesBelow(name)
  }
}
