import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { HearthError } from '../errors.js'
import { errnoOf, storeFailure } from '../log/fs-failure.js'

const { O_RDONLY, O_NONBLOCK } = constants

/**
 * A whole file of the layout; undefined where there is none. Never waits: to open a pipe that somebody put in its place would
 * take for ever, and could not even be interrupted.
 * @throws HearthError LAYOUT_INVALID for anything but a file, and for one above the limit; STORE_FAILED when it cannot be read.
 */
export async function readWhole(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
  try {
    const file = await open(path, O_RDONLY | O_NONBLOCK)
    try {
      const stat = await file.stat()
      if (!stat.isFile()) throw new HearthError('LAYOUT_INVALID', `${path} is not a file`, { path })
      const { size } = stat
      if (size > maxBytes) throw new HearthError('LAYOUT_INVALID', `${path} is too large`, { path, size })
      return await file.readFile()
    } finally {
      await file.close()
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    if (error instanceof HearthError) throw error
    const errno = errnoOf(error)
    // Not STORE_READ_ONLY, which says that the rest can be read.
    if (errno === 'EACCES' || errno === 'EPERM') {
      throw new HearthError('STORE_FAILED', `may not read ${path} (${errno})`, { path, errno }, error)
    }
    throw storeFailure(error, `read ${path}`)
  }
}
