import { checkEntry, factsOf, impliedIn } from './flatten-entry.js'
import {
  childOf,
  compact,
  type FileNode,
  type FolderNode,
  factsIn,
  folder,
  follow,
  type Name,
  pathOf,
  touch,
} from './flatten-names.js'
import { MAX_PATH_BYTES, parseLayerPath, parseLinkTarget } from './flatten-path.js'
import { layerInvalid, layerTooLarge } from './layer-error.js'
import { TAR_TYPES, type TarHeader } from './tar-header.js'

/** Which entry of which layer, both counted from 0. */
export interface EntryPlace {
  readonly layer: number
  readonly entry: number
}

/** What one name costs besides its text; measured. */
const NAME_COST = 250

/**
 * The file system that layers amount to, without the files' content. Applies entries in the order in which they stand,
 * exactly as if each was unpacked into a folder that no path leads out of: links in a path are followed, an entry
 * replaces what has its name unless both are folders, whiteouts hide what lower layers have.
 */
export class FlattenTree {
  readonly root: Name & { readonly node: FolderNode } = {
    name: '',
    parent: undefined,
    node: folder(undefined),
    layer: -1,
  }
  readonly #maxBytes: number
  #bytes = 0

  /** @param maxBytes what names, links and folders may take of the memory, about. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** @throws HearthError LAYER_INVALID when no tool could unpack this entry, LAYER_TOO_LARGE. */
  apply(header: TarHeader, place: EntryPlace): void {
    const path = parseLayerPath(header)
    switch (path.kind) {
      case 'ignored':
        break
      case 'opaque':
        this.#hideAll(this.#lookUp(path.parents), place.layer)
        break
      case 'whiteout':
        this.#hide(childOf(this.#lookUp(path.parents), path.name), place.layer)
        break
      case 'entry':
        if (path.name === undefined) this.#describeRoot(header)
        else touch(this.#put(path.name, this.#ensureFolder(path.parents), { header, place }), place.layer)
        break
      default:
        unreachable(path)
    }
  }

  #describeRoot(header: TarHeader): void {
    if (header.type !== TAR_TYPES.folder) throw layerInvalid('the root is no folder')
    this.#describe(this.root.node, header)
  }

  #put(name: string, parent: Name, { header, place }: { header: TarHeader; place: EntryPlace }): Name {
    const old = childOf(parent, name)
    if (header.type === TAR_TYPES.folder && old?.node.kind === 'folder') {
      this.#describe(old.node, header)
      return old
    }
    // Before a hard link is resolved: one to itself, or into what it replaces, leads nowhere.
    this.#drop(old)
    return this.#add(parent, name, this.#nodeOf(header, place))
  }

  #nodeOf(header: TarHeader, { layer, entry }: EntryPlace): FolderNode | FileNode {
    switch (header.type) {
      case TAR_TYPES.folder: {
        const node = folder(undefined)
        this.#describe(node, header)
        return node
      }
      case TAR_TYPES.link:
        return this.#linked(header)
      case TAR_TYPES.symlink:
        checkEntry(header)
        return { kind: 'file', layer, entry, target: this.#targetOf(header), isLinked: false }
      default:
        checkEntry(header)
        return { kind: 'file', layer, entry, target: undefined, isLinked: false }
    }
  }

  /** A link names its target from the root; only links before the last component are followed. */
  #linked(header: TarHeader): FileNode {
    const components = parseLinkTarget(header)
    const target = childOf(this.#lookUp(components.slice(0, -1)), components.at(-1) ?? '')
    const { linkName: name } = header
    if (target === undefined) throw layerInvalid('a hard link leads to nothing', { name })
    if (target.node.kind === 'folder') throw layerInvalid('a hard link leads to a folder', { name })
    target.node.isLinked = true
    return target.node
  }

  #targetOf({ linkName }: TarHeader): string {
    const isPath = linkName !== '' && linkName.length <= MAX_PATH_BYTES && !linkName.includes('\0')
    if (!isPath) throw layerInvalid('a symbolic link leads nowhere', { name: linkName })
    this.#count(linkName.length)
    return compact(linkName)
  }

  #describe(node: FolderNode, header: TarHeader): void {
    checkEntry(header)
    node.facts = factsOf(header)
    for (const [key, value] of node.facts.pax) this.#count(key.length + value.length)
  }

  /** The folder of that path, with what is missing of it. */
  #ensureFolder(components: readonly string[]): Name {
    const steps = follow(this.root, components)
    let at: Name = this.root
    for (const { name, found } of steps) {
      at = found ?? this.#add(at, name, folder(impliedIn(factsIn(at))))
      if (at.node.kind !== 'folder') throw layerInvalid('an entry lies in what is no folder', { name: pathOf(at) })
    }
    return at
  }

  #lookUp(components: readonly string[]): Name | undefined {
    const steps = follow(this.root, components)
    return steps.length === 0 ? this.root : steps.at(-1)?.found
  }

  #hide(name: Name | undefined, layer: number): void {
    if (name === undefined) return
    if (name.layer === layer) this.#hideAll(name, layer)
    else this.#drop(name)
  }

  /** Once for each folder and layer: nothing of the layers below can come back. */
  #hideAll(name: Name | undefined, layer: number): void {
    const { node } = name ?? {}
    if (node?.kind !== 'folder' || node.hiddenFor === layer) return
    node.hiddenFor = layer
    for (const child of node.names.values()) this.#hide(child, layer)
  }

  #add(parent: Name, name: string, node: FolderNode | FileNode): Name {
    this.#count(NAME_COST + name.length)
    const added: Name = { name: compact(name), parent, node, layer: -1 }
    if (parent.node.kind === 'folder') parent.node.names.set(added.name, added)
    return added
  }

  /** What a folder held stays counted: going through it would take longer than it is worth. */
  #drop(name: Name | undefined): void {
    const { node } = name?.parent ?? {}
    if (name === undefined || node?.kind !== 'folder') return
    if (node.names.delete(name.name)) this.#bytes -= NAME_COST + name.name.length
  }

  #count(bytes: number): void {
    this.#bytes += bytes
    if (this.#bytes > this.#maxBytes) throw layerTooLarge(`its names take more than ${this.#maxBytes} bytes of memory`)
  }
}

function unreachable(path: never): never {
  throw new TypeError(`unknown kind of path: ${JSON.stringify(path)}`)
}
