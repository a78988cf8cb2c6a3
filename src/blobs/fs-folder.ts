import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { guardedAsync, hasCode } from './fs-error.js'

/** Everything under .hearth is ours alone, whatever the umask. */
export const PRIVATE = 0o700
/** Blobs are for other tools to read; nobody else may ever write them, even under umask 000. */
export const READABLE = 0o755

/** Creates a folder and its parents where they are missing. */
export async function ensureFolder(path: string, mode: number): Promise<void> {
  await guardedAsync({ step: 'mkdir', path }, () => mkdir(path, { recursive: true, mode }))
}

/** A folder that is made once for all who need it: asking the disk each time cost more than what was done in it. */
export class KnownFolder {
  readonly path: string
  readonly #mode: number
  #made: Promise<void> | undefined

  constructor(path: string, mode: number) {
    this.path = path
    this.#mode = mode
  }

  /** Creates it with its parents, if that was not done yet. What removes it meanwhile is not expected to. */
  ensure(): Promise<void> {
    this.#made ??= ensureFolder(this.path, this.#mode).catch((error: unknown) => {
      this.#made = undefined
      throw error
    })
    return this.#made
  }
}

/**
 * Makes creations, renames and removals in this folder survive a power cut. A folder that is gone needs none.
 * @throws HearthError STORE_FAILED when the disk refused.
 */
export async function syncFolder(path: string): Promise<void> {
  await guardedAsync({ step: 'fsync', path }, async () => {
    const folder = await openFolder(path)
    if (folder === undefined) return
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  })
}

async function openFolder(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
}
