/**
 * What a traced command did to a folder, as operations on files and folders instead of names: an open file keeps its
 * identity when it is renamed, and a power cut asks for identities.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Done, decodeStrings, doneCalls } from './trace-lines.js'

/** A file or folder, whatever its name is. 0 is the root. */
export type Node = number

export type DiskOp =
  | { readonly kind: 'create' | 'mkdir'; readonly dir: Node; readonly name: string; readonly node: Node }
  | {
      readonly kind: 'rename'
      readonly from: Node
      readonly name: string
      readonly dir: Node
      readonly newName: string
      readonly node: Node
    }
  | { readonly kind: 'unlink'; readonly dir: Node; readonly name: string; readonly node: Node }
  | { readonly kind: 'write'; readonly node: Node; readonly offset: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly node: Node; readonly size: number }
  | { readonly kind: 'sync'; readonly node: Node }
  /** The command told its user that it is done. */
  | { readonly kind: 'acknowledge' }

export interface Recording {
  /** What was there before, durably. */
  readonly folders: ReadonlyMap<Node, ReadonlyMap<string, Node>>
  readonly files: ReadonlyMap<Node, Buffer>
  readonly ops: readonly DiskOp[]
  /** What each operation was in the trace. */
  readonly labels: readonly string[]
}

/** @param before the folder as it was when the command began; `root` is where the command saw it. */
export function readRecording(trace: string, { root, before }: { root: string; before: string }): Recording {
  const recorder = new Recorder(root)
  recorder.take(before, 0)
  const { folders, files } = recorder.snapshot()
  for (const call of doneCalls(trace)) recorder.apply(call)
  return { folders, files, ops: recorder.ops, labels: recorder.labels }
}

class Recorder {
  readonly ops: DiskOp[] = []
  readonly labels: string[] = []
  readonly #root: string
  readonly #nodes = new Map<string, Node>()
  readonly #files = new Map<Node, Buffer>()
  readonly #sizes = new Map<Node, number>()
  readonly #folders = new Map<Node, Map<string, Node>>()
  /** Where the next `write` to a descriptor goes; undefined: to the end. */
  readonly #offsets = new Map<string, number | undefined>()
  #next = 1

  constructor(root: string) {
    this.#root = root
  }

  take(folder: string, node: Node, path = ''): void {
    this.#nodes.set(path, node)
    const names = new Map<string, Node>()
    this.#folders.set(node, names)
    for (const name of readdirSync(folder)) {
      const child = this.#next++
      names.set(name, child)
      if (statSync(join(folder, name)).isDirectory()) this.take(join(folder, name), child, `${path}/${name}`)
      else this.#takeFile(join(folder, name), child, `${path}/${name}`)
    }
  }

  #takeFile(file: string, node: Node, path: string): void {
    this.#nodes.set(path, node)
    this.#files.set(node, readFileSync(file))
    this.#sizes.set(node, statSync(file).size)
  }

  snapshot(): Pick<Recording, 'folders' | 'files'> {
    return {
      folders: new Map([...this.#folders].map(([node, names]) => [node, new Map(names)])),
      files: new Map(this.#files),
    }
  }

  apply({ syscall, args, result }: Done): void {
    const strings = decodeStrings(args)
    const [first, second] = strings.map(({ bytes }) => bytes.toString('utf8')).filter((path) => this.#isOurs(path))
    if (syscall === 'write' && /^1[<,]/.test(args)) this.#add({ kind: 'acknowledge' }, 'the acknowledgement')
    if (first === undefined) return
    const path = this.#relative(first)
    if (syscall === 'openat') this.#open(path, args, result)
    else if (syscall === 'mkdir') this.#create('mkdir', path)
    else if (syscall === 'rename' && second !== undefined) this.#rename(path, this.#relative(second))
    else if (syscall === 'unlink' || syscall === 'rmdir' || syscall === 'unlinkat') this.#unlink(path)
    else this.#onFile(syscall, path, { args, result, data: strings.at(-1)?.bytes ?? Buffer.alloc(0) })
  }

  #onFile(syscall: string, path: string, { args, result, data }: { args: string; result: number; data: Buffer }): void {
    const node = this.#nodes.get(path)
    if (node === undefined) return
    const descriptor = /^\d+/.exec(args)?.[0] ?? ''
    if (syscall === 'fsync' || syscall === 'fdatasync') this.#add({ kind: 'sync', node }, `${syscall} ${path}`)
    if (syscall === 'ftruncate') this.#truncate(node, Number(/, (\d+)$/.exec(args)?.[1]), path)
    if (syscall === 'pwrite64') this.#write(node, Number(/, (\d+)$/.exec(args)?.[1]), { data, path, result })
    if (syscall === 'write') {
      const offset = this.#offsets.get(descriptor) ?? this.#sizes.get(node) ?? 0
      this.#write(node, offset, { data, path, result })
      if (this.#offsets.get(descriptor) !== undefined) this.#offsets.set(descriptor, offset + result)
    }
  }

  #open(path: string, args: string, result: number): void {
    this.#offsets.set(`${result}`, args.includes('O_APPEND') ? undefined : 0)
    const node = this.#nodes.get(path)
    if (node === undefined && args.includes('O_CREAT')) this.#create('create', path)
    else if (node !== undefined && args.includes('O_TRUNC') && this.#sizes.get(node)) this.#truncate(node, 0, path)
  }

  #create(kind: 'create' | 'mkdir', path: string): void {
    const node = this.#next++
    this.#nodes.set(path, node)
    this.#sizes.set(node, 0)
    // The root itself, where the command makes its own folder: it counts as being there.
    if (path !== '') this.#add({ kind, ...this.#place(path), node }, `${kind} ${path}`)
  }

  #rename(path: string, target: string): void {
    const node = this.#nodes.get(path)
    if (node === undefined) return
    const { dir: from, name } = this.#place(path)
    const { dir, name: newName } = this.#place(target)
    this.#nodes.delete(path)
    this.#nodes.set(target, node)
    this.#add({ kind: 'rename', from, name, dir, newName, node }, `rename ${path} to ${target}`)
  }

  #unlink(path: string): void {
    const node = this.#nodes.get(path)
    if (node === undefined) return
    this.#nodes.delete(path)
    this.#add({ kind: 'unlink', ...this.#place(path), node }, `unlink ${path}`)
  }

  #write(node: Node, offset: number, { data, path, result }: { data: Buffer; path: string; result: number }): void {
    const bytes = data.subarray(0, result)
    this.#sizes.set(node, Math.max(this.#sizes.get(node) ?? 0, offset + bytes.length))
    this.#add({ kind: 'write', node, offset, bytes }, `write ${bytes.length} bytes at ${offset} of ${path}`)
  }

  #truncate(node: Node, size: number, path: string): void {
    this.#sizes.set(node, size)
    this.#add({ kind: 'truncate', node, size }, `truncate ${path} to ${size}`)
  }

  #place(path: string): { dir: Node; name: string } {
    const dir = this.#nodes.get(path.lastIndexOf('/') <= 0 ? '' : dirname(path))
    if (dir === undefined) throw new Error(`the folder of ${path} is unknown`)
    return { dir, name: path.slice(path.lastIndexOf('/') + 1) }
  }

  #add(op: DiskOp, label: string): void {
    this.ops.push(op)
    this.labels.push(label)
  }

  #isOurs(path: string): boolean {
    return path === this.#root || path.startsWith(`${this.#root}/`)
  }

  #relative(path: string): string {
    return path.slice(this.#root.length)
  }
}
