/**
 * What a disk may hold after a power cut. What was fsynced is there. Beyond that, for each folder a beginning of the changes
 * to its names (file systems with a journal keep their order, in one folder at least), and of each file's unsynced writes
 * any part: none, some, zeros or noise in their place.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DiskOp, Node, Recording } from './disk-ops.js'
import type { Random } from './random.js'

/** How a power cut treats what was not fsynced. */
export const STYLES = [
  'nothing',
  'everything',
  'only names',
  'only data',
  'zeros',
  'noise',
  'any',
  'any',
  'any',
] as const
/** `without` an operation: everything but that one; of names also what came after it in its folder. */
export type Style = (typeof STYLES)[number] | { readonly without: number }

export interface Cut {
  /** Operations that had begun. */
  readonly after: number
  readonly style: Style
}

/**
 * The outermost disks for each moment: nothing that was not fsynced is there, all of it is there, and all of it but one operation,
 * for each of them. The last one alone is what the moment before it had with everything.
 */
export function everyCut(recording: Recording): Cut[] {
  return recording.ops.flatMap((_, index) => {
    const after = index + 1
    const lost = unsynced(recording, after).map((without): Style => ({ without }))
    return (['nothing', 'everything', ...lost] as const).map((style) => ({ after, style }))
  })
}

/** What is in these, nobody reads: LevelDB's own diary, and locks. */
const UNREAD = /\/LOG(\.old)?$|\/LOCK$|\.lock$/

/** Which of the first operations a power cut may undo. */
function unsynced({ ops, labels }: Recording, after: number): number[] {
  const durable = durableNames(ops, after)
  const synced = new Set<Node>()
  const found: number[] = []
  for (let index = after - 1; index >= 0; index--) {
    const op = ops[index]
    if (op === undefined || op.kind === 'acknowledge') continue
    if (op.kind === 'sync') synced.add(op.node)
    else if (op.kind === 'write' || op.kind === 'truncate') {
      if (!synced.has(op.node) && !UNREAD.test(labels[index] ?? '')) found.push(index)
    } else if (foldersOf(op).some((dir) => (durable.get(dir) ?? 0) <= index)) found.push(index)
  }
  return found
}

/**
 * For each folder that was fsynced: how many operations, counted over all, have reached its names in any case. LevelDB names a new
 * table in its manifest before it fsyncs the folder, and relies on what ext4, XFS and Btrfs do: the fsync of a new file keeps its
 * name, too. So does this, for its tables alone.
 */
function durableNames(ops: readonly DiskOp[], after: number): Map<Node, number> {
  const durable = new Map<Node, number>()
  const tables = new Map<Node, { readonly dir: Node; readonly through: number }>()
  for (const [index, op] of ops.slice(0, after).entries()) {
    if (op.kind === 'create' && op.name.endsWith('.ldb')) tables.set(op.node, { dir: op.dir, through: index + 1 })
    if (op.kind !== 'sync') continue
    const { dir, through } = tables.get(op.node) ?? { dir: op.node, through: index }
    durable.set(dir, Math.max(durable.get(dir) ?? 0, through))
  }
  return durable
}

interface Disk {
  readonly folders: Map<Node, Map<string, Node>>
  readonly files: Map<Node, Buffer>
}

/** Writes what such a disk holds to `target`. @returns the operations that were lost or changed, in words. */
export function cutPower(
  recording: Recording,
  cut: Cut,
  { target, random }: { target: string; random: Random },
): string[] {
  const lost: string[] = []
  const disk: Disk = {
    folders: new Map([...recording.folders].map(([node, names]) => [node, new Map(names)])),
    files: new Map(recording.files),
  }
  const cuts = namesKept(recording, cut, random)
  for (const [index, op] of recording.ops.slice(0, cut.after).entries()) {
    const kept = keep(op, index, { recording, cut, cuts, random })
    if (kept !== 'whole') lost.push(`${kept}: ${recording.labels[index]}`)
    applyOp(disk, op, kept)
  }
  rmSync(target, { recursive: true, force: true })
  writeFolder(disk, 0, target)
  return lost
}

type Kept = 'whole' | 'lost' | 'zeros' | 'noise' | 'torn' | 'old name kept'

interface Choice {
  readonly recording: Recording
  readonly cut: Cut
  /** For each folder: how many operations, counted over all, have reached its names. */
  readonly cuts: ReadonlyMap<Node, number>
  readonly random: Random
}

/** Each folder's names reach the disk in order, up to some point that is not before its last fsync. */
function namesKept({ ops }: Recording, { after, style }: Cut, random: Random): Map<Node, number> {
  const cuts = new Map<Node, number>()
  const least = durableNames(ops, after)
  for (const op of ops.slice(0, after)) for (const dir of foldersOf(op)) cuts.set(dir, after)
  if (typeof style === 'object') {
    const lost = ops[style.without]
    // Of a rename one folder may have been fsynced since.
    const open = (lost ? foldersOf(lost) : []).filter((dir) => (least.get(dir) ?? 0) <= style.without)
    for (const dir of open) cuts.set(dir, style.without)
    return cuts
  }
  for (const dir of cuts.keys()) {
    const from = least.get(dir) ?? 0
    if (style === 'nothing' || style === 'only data') cuts.set(dir, from)
    else if (style === 'any') cuts.set(dir, from + random.below(after - from + 1))
  }
  return cuts
}

function foldersOf(op: DiskOp): readonly Node[] {
  if (op.kind === 'rename') return [op.from, op.dir]
  return op.kind === 'create' || op.kind === 'mkdir' || op.kind === 'unlink' ? [op.dir] : []
}

function keep(op: DiskOp, index: number, { recording, cut, cuts, random }: Choice): Kept {
  if (op.kind === 'sync' || op.kind === 'acknowledge') return 'whole'
  if (op.kind === 'rename') {
    const [linked, gone] = [index < (cuts.get(op.dir) ?? 0), index < (cuts.get(op.from) ?? 0)]
    // One journal entry: a name is never gone before the other one is there.
    return linked || gone ? (gone ? 'whole' : 'old name kept') : 'lost'
  }
  if (op.kind !== 'write' && op.kind !== 'truncate') return index < (cuts.get(op.dir) ?? 0) ? 'whole' : 'lost'
  if (typeof cut.style === 'object') return index === cut.style.without ? 'lost' : 'whole'
  const rest = recording.ops.slice(index, cut.after)
  if (rest.some((later) => later.kind === 'sync' && later.node === op.node)) return 'whole'
  return keepData(cut.style, random)
}

function keepData(style: (typeof STYLES)[number], random: Random): Kept {
  if (style === 'everything' || style === 'only data') return 'whole'
  if (style === 'nothing' || style === 'only names') return 'lost'
  if (style === 'zeros' || style === 'noise') return style
  return random.pick(['whole', 'whole', 'lost', 'zeros', 'noise', 'torn'] as const)
}

function applyOp({ folders, files }: Disk, op: DiskOp, kept: Kept): void {
  if (kept === 'lost' || op.kind === 'sync' || op.kind === 'acknowledge') {
    // What a lost mkdir or create made may still get a name by a later rename.
    if (op.kind === 'mkdir') folders.set(op.node, new Map())
    if (op.kind === 'create') files.set(op.node, Buffer.alloc(0))
    return
  }
  switch (op.kind) {
    case 'mkdir':
      folders.set(op.node, new Map())
      folders.get(op.dir)?.set(op.name, op.node)
      return
    case 'create':
      files.set(op.node, Buffer.alloc(0))
      folders.get(op.dir)?.set(op.name, op.node)
      return
    case 'rename':
      if (kept === 'whole' && folders.get(op.from)?.get(op.name) === op.node) folders.get(op.from)?.delete(op.name)
      folders.get(op.dir)?.set(op.newName, op.node)
      return
    case 'unlink':
      if (folders.get(op.dir)?.get(op.name) === op.node) folders.get(op.dir)?.delete(op.name)
      return
    case 'truncate':
      files.set(op.node, resized(files.get(op.node), op.size))
      return
    case 'write':
      files.set(op.node, written(files.get(op.node), op, kept))
  }
}

function resized(bytes: Buffer | undefined, size: number): Buffer {
  return Buffer.concat([bytes ?? Buffer.alloc(0)].concat(Buffer.alloc(size)), size)
}

const SECTOR = 512

function written(before: Buffer | undefined, op: DiskOp & { kind: 'write' }, kept: Kept): Buffer {
  const { offset, bytes } = op
  const end = kept === 'torn' ? Math.floor(bytes.length / 2 / SECTOR) * SECTOR : bytes.length
  const size = Math.max(before?.length ?? 0, offset + end)
  const after = Buffer.alloc(size)
  before?.copy(after)
  if (kept === 'zeros') after.fill(0, offset, offset + end)
  else if (kept === 'noise') after.fill(0xa5, offset, offset + end)
  else bytes.copy(after, offset, 0, end)
  return after
}

function writeFolder(disk: Disk, node: Node, path: string): void {
  mkdirSync(path, { mode: 0o700 })
  for (const [name, child] of disk.folders.get(node) ?? []) {
    const bytes = disk.files.get(child)
    if (bytes === undefined) writeFolder(disk, child, join(path, name))
    else writeFileSync(join(path, name), bytes)
  }
}
