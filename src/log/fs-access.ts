import { access, constants } from 'node:fs/promises'
import { join } from 'node:path'
import { HEARTH_FOLDER, LOG_FOLDER, LOG_LOCK } from '../oci/image-layout.js'
import { errnoOf } from './fs-failure.js'

/** What this process may do with the log of a cache: `none` when `.hearth/` is somebody else's alone. */
export type LogAccess = 'write' | 'read' | 'none'

/** Asks the system, which knows of mounts and owners; changes nothing. What is missing counts as writable: it can be said later. */
export async function logAccess(root: string): Promise<LogAccess> {
  if (await isRefused(join(root, HEARTH_FOLDER), constants.R_OK | constants.X_OK)) return 'none'
  for (const name of [LOG_FOLDER, LOG_LOCK]) if (await isRefused(join(root, name), constants.W_OK)) return 'read'
  return 'write'
}

async function isRefused(path: string, mode: number): Promise<boolean> {
  try {
    await access(path, mode)
    return false
  } catch (error) {
    return ['EACCES', 'EPERM', 'EROFS'].includes(errnoOf(error) ?? '')
  }
}
