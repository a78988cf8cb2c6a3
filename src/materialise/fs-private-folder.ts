import type { Stats } from 'node:fs'
import { chmod, lstat } from 'node:fs/promises'
import { HearthError } from '../errors.js'
import { errnoOf, storeFailure } from '../log/fs-failure.js'

/** Everybody's rights but the owner's. */
const OTHERS = 0o077
const OTHERS_WRITE = 0o022

/**
 * Makes sure of a folder of ours before it is used: whoever may write into it could exchange bytes between the moment they
 * are verified and the moment they become a blob. Rights that others have to it are taken away. Does nothing where there is no
 * folder. RELIABILITY 7.4, L1 and L2.
 * @throws HearthError LAYOUT_INVALID for a link, a file or a folder that others own or may write to; STORE_FAILED.
 */
export async function keepPrivate(path: string): Promise<void> {
  try {
    const stat = await lstat(path)
    const problem = problemWith(stat, process.geteuid?.())
    if (problem !== undefined) throw new HearthError('LAYOUT_INVALID', `${path} ${problem}`, { path })
    if ((stat.mode & OTHERS) !== 0 && stat.uid === process.geteuid?.()) await chmod(path, 0o700)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return
    throw error instanceof HearthError ? error : storeFailure(error, `look at ${path}`)
  }
}

/**
 * Pure. Root may go into anybody's folder, and anybody into root's: containers share caches in this way.
 * @param us the user's id; undefined where files have no owners.
 */
export function problemWith(
  stat: Pick<Stats, 'uid' | 'mode' | 'isDirectory'>,
  us: number | undefined,
): string | undefined {
  if (!stat.isDirectory()) return 'is not a folder'
  if (us === undefined || stat.uid === us) return undefined
  if (stat.uid !== 0 && us !== 0) return `belongs to another user (${stat.uid})`
  return (stat.mode & OTHERS_WRITE) === 0
    ? undefined
    : `belongs to another user (${stat.uid}), and others may write to it`
}
