import { constants } from 'node:fs'
import { copyFile, link, lstat, open, rm } from 'node:fs/promises'
import { guardedAsync, hasCode } from './fs-error.js'

/** What file systems and kernels answer that do not share extents, or not between these two files. */
const CANNOT_CLONE = ['ENOTSUP', 'EOPNOTSUPP', 'EXDEV', 'EINVAL', 'ENOSYS', 'ENOTTY', 'EPERM', 'EACCES']
const CANNOT_LINK = ['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EACCES']

export interface ShareOptions {
  readonly link: boolean
  /** `full`: on the disk when it is shared. Whoever wrote the bytes need not have waited for that. */
  readonly durability: 'full' | 'relaxed'
}

/**
 * Gives a file a second name without copying its bytes: a clone where the file system can, else, with `link`, the same file if
 * nobody may write to it. Whether it is what it should be is still to be seen.
 * @returns false when neither is possible, and there is nothing at `to`.
 * @throws HearthError STORE_FAILED
 */
export async function shareFile(from: string, to: string, options: ShareOptions): Promise<boolean> {
  return (await clone(from, to, options)) || (options.link && (await linkReadOnly(from, to, options)))
}

async function clone(from: string, to: string, options: ShareOptions): Promise<boolean> {
  return await guardedAsync({ step: 'clone', path: to }, async () => {
    if (!(await isFile(from))) return false
    try {
      await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE)
    } catch (error) {
      if (!hasCode(error, ...CANNOT_CLONE)) throw error
      await rm(to, { force: true })
      return false
    }
    await finishShared(to, { ...options, mode: 0o444 })
    return true
  })
}

/** A file that somebody may write to would not stay what it was verified to be. */
async function linkReadOnly(from: string, to: string, options: ShareOptions): Promise<boolean> {
  return await guardedAsync({ step: 'link', path: to }, async () => {
    try {
      await link(from, to)
    } catch (error) {
      if (hasCode(error, ...CANNOT_LINK)) return false
      throw error
    }
    // Looked at after: what is linked now cannot be exchanged any more.
    const stat = await lstat(to)
    if (!stat.isFile() || (stat.mode & 0o222) !== 0) {
      await rm(to)
      return false
    }
    // Its mode is its owner's.
    await finishShared(to, options)
    return true
  })
}

async function finishShared(
  path: string,
  { durability, mode }: ShareOptions & { readonly mode?: number },
): Promise<void> {
  const file = await open(path, 'r')
  try {
    if (mode !== undefined) await file.chmod(mode)
    if (durability === 'full') await file.sync()
  } finally {
    await file.close()
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isFile()
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return false
    throw error
  }
}
