import { layerInvalid } from './layer-error.js'
import { TAR_TYPES, type TarHeader } from './tar-header.js'
import type { TarHeaderInput } from './tar-writer.js'

/** One less than what chown takes for "leave it as it is". */
const MAX_ID = 2 ** 32 - 2
const [MAX_MAJOR, MAX_MINOR] = [2 ** 12 - 1, 2 ** 20 - 1]
const SET_GROUP = 0o2000
const NONE: ReadonlyMap<string, string> = new Map()
const XATTR = 'SCHILY.xattr.'
const KNOWN: ReadonlySet<string> = new Set([
  TAR_TYPES.file,
  TAR_TYPES.contiguous,
  TAR_TYPES.gnuSparse,
  TAR_TYPES.link,
  TAR_TYPES.symlink,
  TAR_TYPES.characterDevice,
  TAR_TYPES.blockDevice,
  TAR_TYPES.folder,
  TAR_TYPES.fifo,
])

/** Pure. @throws HearthError LAYER_INVALID for what Linux could not make of it. */
export function checkEntry({ type, name, uid, gid, deviceMajor, deviceMinor }: TarHeader): void {
  if (!KNOWN.has(type)) throw layerInvalid(`an entry has the unknown type ${JSON.stringify(type)}`, { name })
  if (uid > MAX_ID || gid > MAX_ID) throw layerInvalid('an entry has an owner beyond 32 bits', { name })
  const isDevice = type === TAR_TYPES.characterDevice || type === TAR_TYPES.blockDevice
  if (isDevice && (deviceMajor > MAX_MAJOR || deviceMinor > MAX_MINOR)) {
    throw layerInvalid('a device has a number that Linux does not have', { name })
  }
}

/** What a layer says of a folder, and what stays of that when another layer puts something into it. */
export type FolderFacts = Pick<TarHeader, 'mode' | 'uid' | 'gid' | 'mtime' | 'pax'>

/** Pure. What stays of an entry: its numbers, and of the extended header its attributes and the fraction of its time. */
export function factsOf({ mode, uid, gid, mtime, pax }: TarHeader): FolderFacts {
  const kept = [...pax].filter(([key, value]) => key.startsWith(XATTR) || isPrecise(key, value))
  return { mode: mode & 0o7777, uid, gid, mtime, pax: new Map(kept) }
}

/**
 * Pure. A folder that no entry describes, but that one lies in. As when it is made on a disk, it gets its group from a
 * folder with the bit for that, and the bit too.
 */
export function impliedIn(parent: FolderFacts | undefined): FolderFacts {
  const isGroups = parent !== undefined && (parent.mode & SET_GROUP) !== 0
  return { mode: isGroups ? SET_GROUP | 0o755 : 0o755, uid: 0, gid: isGroups ? parent.gid : 0, mtime: 0, pax: NONE }
}

/** Pure. A folder as it is written; the path of the root is empty. */
export function folderHeader(path: string, facts: FolderFacts): TarHeaderInput {
  return { ...facts, name: `${path === '' ? '.' : path}/`, type: TAR_TYPES.folder }
}

/**
 * Pure. Anything else as it is written, under the path at which it came to lie. Names of owners are left out: in an image
 * only their numbers count.
 */
export function fileHeader(path: string, header: TarHeader): TarHeaderInput {
  const { type, size, linkName, deviceMajor, deviceMinor } = header
  const isDevice = type === TAR_TYPES.characterDevice || type === TAR_TYPES.blockDevice
  const isFile = type === TAR_TYPES.contiguous || type === TAR_TYPES.gnuSparse
  return {
    ...factsOf(header),
    name: path,
    type: isFile ? TAR_TYPES.file : type,
    size,
    ...(type === TAR_TYPES.symlink && { linkName }),
    ...(isDevice && { deviceMajor, deviceMinor }),
  }
}

/** Another name for what was written before. */
export function hardLink(path: string, target: string): TarHeaderInput {
  return { name: path, type: TAR_TYPES.link, linkName: target, mode: 0 }
}

function isPrecise(key: string, value: string): boolean {
  return key === 'mtime' && /\.\d*[1-9]/.test(value)
}
