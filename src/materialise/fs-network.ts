import { readFile, stat, statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { HearthError } from '../errors.js'
import { errnoOf, storeFailure } from '../log/fs-failure.js'
import { FUSE_MAGIC, mountTypeOf, networkFileSystem } from './network-file-system.js'

/** What the system says of the file system of a path that is there. */
export interface FileSystemKind {
  readonly magic: number
  /** As in /proc/self/mountinfo; asked for where the number says too little. */
  readonly mountType?: string
}

/**
 * Refuses to write where several machines may. Two of them would each believe that they hold the cache's locks.
 * @param path of the cache; it need not be there yet.
 * @throws HearthError FS_UNSUPPORTED
 */
export async function refuseNetwork(
  path: string,
  kindOf: (path: string) => Promise<FileSystemKind> = lookAt,
): Promise<void> {
  const name = await networkOf(path, kindOf)
  if (name === undefined) return
  const message = `${path} is on a network file system (${name}): its locks and renames promise too little to write there`
  throw new HearthError('FS_UNSUPPORTED', `${message}; --allow-network-fs does so all the same`, {
    path,
    name,
  })
}

/** What the network file system of a path is called; undefined for this machine's own. */
export async function networkOf(
  path: string,
  kindOf: (path: string) => Promise<FileSystemKind> = lookAt,
): Promise<string | undefined> {
  const { magic, mountType } = await nearest(resolve(path), kindOf)
  return networkFileSystem(magic, mountType)
}

/** Of the folder, or of the one in which it will be made. */
async function nearest(path: string, kindOf: (path: string) => Promise<FileSystemKind>): Promise<FileSystemKind> {
  try {
    return await kindOf(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' && path !== dirname(path)) return await nearest(dirname(path), kindOf)
    throw storeFailure(error, `ask for the file system of ${path}`)
  }
}

async function lookAt(path: string): Promise<FileSystemKind> {
  const { type: magic } = await statfs(path)
  if (magic >>> 0 !== FUSE_MAGIC) return { magic }
  const { dev } = await stat(path)
  const mountType = mountTypeOf(await readMounts(), deviceOf(dev))
  return { magic, ...(mountType !== undefined && { mountType }) }
}

/** `major:minor`, as glibc packs them. */
function deviceOf(dev: number): string {
  const device = BigInt(dev)
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n)
  const minor = (device & 0xffn) | ((device >> 12n) & 0xffffff00n)
  return `${major}:${minor}`
}

/** Empty where the system has no such list. */
async function readMounts(): Promise<string> {
  try {
    return await readFile('/proc/self/mountinfo', 'utf8')
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return ''
  }
}
