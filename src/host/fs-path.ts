import { readlink, realpath, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/** Through links, also those of /proc to what has no other name: a shell's `>(…)` is one. @throws the file system's own errors. */
export async function kindOf(path: string): Promise<'file' | 'folder' | 'pipe' | 'special' | 'none'> {
  try {
    const found = await stat(path)
    if (found.isDirectory()) return 'folder'
    if (found.isFIFO()) return 'pipe'
    return found.isFile() ? 'file' : 'special'
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 'none'
    throw error
  }
}

/**
 * What a file's name leads to, through links, also through those that lead to nothing yet: whoever replaces the file leaves them as
 * they are. @throws the file system's own errors.
 */
export async function targetOf(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    const target = await linkIn(path)
    return target === undefined ? path : await targetOf(target)
  }
}

async function linkIn(path: string): Promise<string | undefined> {
  try {
    return resolve(await realpath(dirname(path)), await readlink(path))
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT' || code === 'EINVAL') return undefined
    throw error
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
}
