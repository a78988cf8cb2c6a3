import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Random } from './random.js'

export const DAMAGES = [
  'flip',
  'flip',
  'flip',
  'zero page',
  'truncate',
  'empty',
  'extend',
  'swap',
  'delete',
  'symlink',
  'directory',
  'no rights',
] as const
export type Damage = (typeof DAMAGES)[number]

interface DamageOptions {
  /** Other files of its kind, to be swapped with. */
  readonly others: readonly string[]
  /** As decay does: the file's times stay as they were. */
  readonly silent: boolean
  readonly random: Random
}

/** Damages a file. @returns false when this damage would change nothing. */
export function damage(root: string, path: string, how: Damage, { others, silent, random }: DamageOptions): boolean {
  const file = join(root, path)
  const { atime, mtime, size } = lstatSync(file)
  const before = readFileSync(file)
  if (how === 'swap') return swap(root, path, others)
  if (size === 0 && how !== 'extend' && (!ALWAYS.has(how) || how === 'symlink')) return false
  ACTIONS[how](file, before, random)
  if (silent && how !== 'delete') utimesSync(file, atime, mtime)
  return ALWAYS.has(how) || !readFileSync(file).equals(before)
}

const PAGE = 4096
/** Damages that never leave a file as it was. */
const ALWAYS: ReadonlySet<Damage> = new Set(['delete', 'directory', 'symlink', 'no rights'])

const ACTIONS: Readonly<Record<Exclude<Damage, 'swap'>, (file: string, before: Buffer, random: Random) => void>> = {
  flip(file, before, random) {
    const at = random.below(before.length)
    const bytes = Buffer.from(before)
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8))
    replace(file, bytes)
  },
  'zero page'(file, before, random) {
    const page = random.below(Math.ceil(before.length / PAGE)) * PAGE
    replace(file, Buffer.from(before).fill(0, page, Math.min(page + PAGE, before.length)))
  },
  truncate: (file, before, random) => truncateSync(file, random.below(before.length)),
  empty: (file) => truncateSync(file),
  extend: (file, before, random) => replace(file, Buffer.concat([before, Buffer.alloc(1 + random.below(100), 0x41)])),
  delete: (file) => rmSync(file),
  symlink(file) {
    rmSync(file)
    symlinkSync('/dev/null', file)
  },
  directory(file) {
    rmSync(file)
    mkdirSync(file)
  },
  'no rights': (file) => chmodSync(file, 0),
}

function swap(root: string, path: string, others: readonly string[]): boolean {
  const [one, two] = [join(root, path), others[0] && join(root, others[0])]
  if (two === undefined || readFileSync(one).equals(readFileSync(two))) return false
  renameSync(one, `${one}.aside`)
  renameSync(two, one)
  renameSync(`${one}.aside`, two)
  return true
}

/** In place: the file stays the same one, as under a decaying disk. */
function replace(file: string, bytes: Buffer): void {
  writeFileSync(file, bytes)
}
