import { checkEntry, type FolderFacts, factsOf, impliedIn } from './flatten-entry.js'
import { MAX_PATH_BYTES, parseLayerPath, parseLinkTarget, symlinkComponents } from './flatten-path.js'
import { layerInvalid, layerTooLarge } from './layer-error.js'
import { TAR_TYPES, type TarHeader } from './tar-header.js'

/** Which entry of which layer, both counted from 0. */
export interface EntryPlace {
  readonly layer: number
  readonly entry: number
}

/** What a name leads to. Several names of one node are hard links of one another. */
export interface Node {
  readonly kind: 'folder' | 'symlink' | 'other'
  /** Of a folder, as the newest entry that describes it says. Only the root may be without. */
  facts?: FolderFacts
  /** Of a symlink: where it leads. */
  readonly target?: string
  /** Of a folder. */
  readonly names?: Map<string, Name>
  /** Of all but folders: the entry that has the content. */
  readonly place?: EntryPlace
  /** Of a folder: the layer that has hidden here already what is below it. */
  hiddenFor?: number
}

/** One name in a folder. */
export interface Name {
  readonly name: string
  /** The folder that it stands in; the root's own name stands in none. */
  readonly parent: Name | undefined
  readonly node: Node
  /** The newest layer that has an entry here or below: what a layer has itself, its whiteouts do not hide. */
  layer: number
}

/** As many links are followed in one path: the kernel's own limit. */
const MAX_LINKS = 40
/** What one name costs besides its text; measured. */
const NAME_COST = 250

/**
 * The file system that layers amount to, without the files' content. Applies entries in the order in which they stand,
 * exactly as if each was unpacked into a folder that no path leads out of: links in a path are followed, an entry
 * replaces what has its name unless both are folders, whiteouts hide what lower layers have.
 */
export class FlattenTree {
  readonly root: Name = { name: '', parent: undefined, node: folder(), layer: -1 }
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
        this.#hide(this.#lookUp(path.parents)?.node.names?.get(path.name), place.layer)
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

  #nodeOf(header: TarHeader, place: EntryPlace): Node {
    switch (header.type) {
      case TAR_TYPES.folder: {
        const node = folder()
        this.#describe(node, header)
        return node
      }
      case TAR_TYPES.link:
        return this.#linked(header)
      case TAR_TYPES.symlink:
        checkEntry(header)
        return { kind: 'symlink', target: this.#targetOf(header), place }
      default:
        checkEntry(header)
        return { kind: 'other', place }
    }
  }

  /** A link names its target from the root; only links before the last component are followed. */
  #linked(header: TarHeader): Node {
    const components = parseLinkTarget(header)
    const parent = this.#lookUp(components.slice(0, -1))
    const target = parent?.node.names?.get(components.at(-1) ?? '')
    const { linkName: name } = header
    if (target === undefined) throw layerInvalid('a hard link leads to nothing', { name })
    if (target.node.kind === 'folder') throw layerInvalid('a hard link leads to a folder', { name })
    return target.node
  }

  #targetOf({ linkName }: TarHeader): string {
    const isPath = linkName !== '' && linkName.length <= MAX_PATH_BYTES && !linkName.includes('\0')
    if (!isPath) throw layerInvalid('a symbolic link leads nowhere', { name: linkName })
    this.#count(linkName.length)
    return compact(linkName)
  }

  #describe(node: Node, header: TarHeader): void {
    checkEntry(header)
    node.facts = factsOf(header)
    for (const [key, value] of node.facts.pax) this.#count(key.length + value.length)
  }

  /** The folder of that path, with what is missing of it. */
  #ensureFolder(components: readonly string[]): Name {
    const steps = this.#follow(components)
    let at = this.root
    for (const { name, found } of steps) {
      at = found ?? this.#add(at, name, { ...folder(), facts: impliedIn(at.node.facts) })
      if (at.node.kind !== 'folder') throw layerInvalid('an entry lies in what is no folder', { name: pathOf(at) })
    }
    return at
  }

  #lookUp(components: readonly string[]): Name | undefined {
    const steps = this.#follow(components)
    return steps.length === 0 ? this.root : steps.at(-1)?.found
  }

  /** The path with its links replaced. Past the first name that is missing, `..` is taken at its word. */
  #follow(components: readonly string[]): readonly Step[] {
    const steps: Step[] = []
    // Last first: links put their own components before the rest.
    const pending = components.toReversed()
    for (let links = 0; ; ) {
      const name = pending.pop()
      if (name === undefined) break
      if (name === '..') {
        steps.pop()
        continue
      }
      const found = childOf(steps.length === 0 ? this.root : steps.at(-1)?.found, name)
      const target = found?.node.target
      if (target === undefined) {
        steps.push({ name, found })
        continue
      }
      if (++links > MAX_LINKS) throw layerInvalid('a path has too many symbolic links', { name })
      if (target.startsWith('/')) steps.length = 0
      pending.push(...symlinkComponents(target).toReversed())
    }
    const bytes = steps.reduce((sum, { name }) => sum + name.length + 1, 0)
    if (bytes > MAX_PATH_BYTES) throw layerInvalid(`a path has ${bytes} bytes when its links are followed`)
    return steps
  }

  #hide(name: Name | undefined, layer: number): void {
    if (name === undefined) return
    if (name.layer === layer) this.#hideAll(name, layer)
    else this.#drop(name)
  }

  /** Once for each folder and layer: nothing of the layers below can come back. */
  #hideAll(name: Name | undefined, layer: number): void {
    const { node } = name ?? {}
    if (node?.names === undefined || node.hiddenFor === layer) return
    node.hiddenFor = layer
    for (const child of node.names.values()) this.#hide(child, layer)
  }

  #add(parent: Name, name: string, node: Node): Name {
    this.#count(NAME_COST + name.length)
    const added: Name = { name: compact(name), parent, node, layer: -1 }
    parent.node.names?.set(added.name, added)
    return added
  }

  /** What a folder held stays counted: going through it would take longer than it is worth. */
  #drop(name: Name | undefined): void {
    if (name?.parent?.node.names?.delete(name.name)) this.#bytes -= NAME_COST + name.name.length
  }

  #count(bytes: number): void {
    this.#bytes += bytes
    if (this.#bytes > this.#maxBytes) throw layerTooLarge(`its names take more than ${this.#maxBytes} bytes of memory`)
  }
}

interface Step {
  readonly name: string
  readonly found: Name | undefined
}

/** From the root, without a slash in front; empty for the root. */
export function pathOf(name: Name): string {
  const components: string[] = []
  for (let at = name; at.parent !== undefined; at = at.parent) components.push(at.name)
  return components.reverse().join('/')
}

function childOf(parent: Name | undefined, name: string): Name | undefined {
  return parent?.node.names?.get(name)
}

function touch(name: Name, layer: number): void {
  for (let at: Name | undefined = name; at !== undefined && at.layer !== layer; at = at.parent) at.layer = layer
}

function folder(): Node {
  return { kind: 'folder', names: new Map() }
}

/** V8 keeps a whole path in memory for the sake of a long piece of it; a copy lets the path go. */
function compact(text: string): string {
  return text.length < 13 ? text : Buffer.from(text, 'latin1').toString('latin1')
}

function unreachable(path: never): never {
  throw new TypeError(`unknown kind of path: ${JSON.stringify(path)}`)
}
