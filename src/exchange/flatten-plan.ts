import type { FolderFacts } from './flatten-entry.js'
import { type FileNode, type FolderNode, type Name, pathOf } from './flatten-names.js'
import type { FlattenTree } from './flatten-tree.js'

/** A folder of the result; the path of the root is empty. */
export interface PlannedFolder {
  readonly path: string
  readonly facts: FolderFacts
}

export interface FlattenPlan {
  /** Each before what is in it. */
  readonly folders: readonly PlannedFolder[]
  /** For each layer, in the order in which its entries stand: the names of those that are still there after all layers. */
  readonly layers: readonly (readonly Survivor[])[]
  /** Further names of the same files. */
  readonly links: ReadonlyMap<FileNode, readonly Name[]>
}

/** The name that gets the content. */
export type Survivor = Name & { readonly node: FileNode }

/**
 * Pure. What is written, in which order: folders first, sorted, so that nothing has to be made before it is described; then
 * everything else, layer by layer, as its content comes by. The same tree gives the same plan.
 */
export function planFlatten(tree: FlattenTree, layers: number): FlattenPlan {
  const folders: PlannedFolder[] = []
  const survivors = Array.from({ length: layers }, (): Survivor[] => [])
  const links = new Map<FileNode, Name[]>()
  // Most images leave it undescribed.
  if (tree.root.node.facts !== undefined) folders.push({ path: '', facts: tree.root.node.facts })
  for (const name of namesBelow(tree.root.node)) {
    const { node } = name
    if (node.kind === 'folder') {
      if (node.facts !== undefined) folders.push({ path: pathOf(name), facts: node.facts })
      continue
    }
    const others = links.get(node)
    if (others !== undefined) others.push(name)
    else survivors[node.layer]?.push(name as Survivor)
    if (others === undefined && node.isLinked) links.set(node, [])
  }
  for (const list of survivors) list.sort((a, b) => a.node.entry - b.node.entry)
  return { folders, layers: survivors, links }
}

/** Sorted by bytes within each folder; a folder comes before what is in it. No deeper than a path is long. */
function* namesBelow(folder: FolderNode): Generator<Name> {
  const names = [...folder.names.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const name of names) {
    yield name
    if (name.node.kind === 'folder') yield* namesBelow(name.node)
  }
}
