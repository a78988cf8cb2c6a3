/** What a flattened file system is made of: folders, files and their names, and how a path leads through them. */
import type { FolderFacts } from './flatten-entry.js'
import { MAX_PATH_BYTES, symlinkComponents } from './flatten-path.js'
import { layerInvalid } from './layer-error.js'

export interface FolderNode {
  readonly kind: 'folder'
  readonly names: Map<string, Name>
  /** As the newest entry that describes it says. Only the root may be without. */
  facts: FolderFacts | undefined
  /** The layer that has hidden here already what is below it. */
  hiddenFor: number
}

/** Anything but a folder. There may be a million of these, and each says only where the rest is written. */
export interface FileNode {
  readonly kind: 'file'
  readonly layer: number
  readonly entry: number
  /** Of a symlink: where it leads. */
  readonly target: string | undefined
  /** Whether a hard link gave it another name: all of them may be gone since. */
  isLinked: boolean
}

/** One name in a folder. */
export interface Name {
  readonly name: string
  /** The folder that it stands in; the root's own name stands in none. */
  readonly parent: Name | undefined
  readonly node: FolderNode | FileNode
  /** The newest layer that has an entry here or below: what a layer has itself, its whiteouts do not hide. */
  layer: number
}

/** As many links are followed in one path: the kernel's own limit. */
const MAX_LINKS = 40

/** One component of a path, and the name that it leads to, if there is one. */
export interface Step {
  readonly name: string
  readonly found: Name | undefined
}

/** From the root, without a slash in front; empty for the root. */
export function pathOf(name: Name): string {
  const components: string[] = []
  for (let at = name; at.parent !== undefined; at = at.parent) components.push(at.name)
  return components.reverse().join('/')
}

/** The path with its links replaced. Past the first name that is missing, `..` is taken at its word. */
export function follow(root: Name, components: readonly string[]): readonly Step[] {
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
    const found = childOf(steps.length === 0 ? root : steps.at(-1)?.found, name)
    const target = found?.node.kind === 'file' ? found.node.target : undefined
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

/** Nothing lies in what is no folder. */
export function childOf(parent: Name | undefined, name: string): Name | undefined {
  return parent?.node.kind === 'folder' ? parent.node.names.get(name) : undefined
}

/** The layer has an entry here: so it has in all that this lies in. */
export function touch(name: Name, layer: number): void {
  for (let at: Name | undefined = name; at !== undefined && at.layer !== layer; at = at.parent) at.layer = layer
}

/** What is known of the folder of that name. */
export function factsIn({ node }: Name): FolderFacts | undefined {
  return node.kind === 'folder' ? node.facts : undefined
}

/** A folder in which nothing lies. */
export function folder(facts: FolderFacts | undefined): FolderNode {
  return { kind: 'folder', names: new Map(), facts, hiddenFor: -1 }
}

/** The same text. V8 keeps a whole path in memory for the sake of a long piece of it; a copy lets the path go. */
export function compact(text: string): string {
  return text.length < 13 ? text : Buffer.from(text, 'latin1').toString('latin1')
}
