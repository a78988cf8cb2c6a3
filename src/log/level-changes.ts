import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { HearthError } from '../errors.js'
import { LOG_FOLDER } from '../oci/image-layout.js'
import { errnoOf, storeFailure } from './fs-failure.js'
import { writeAheadLogs } from './level-database.js'

/** A person who watches does not notice, and a look costs two system calls. */
const LOOK_EVERY_MS = 200

/**
 * What an append changes, from outside: the names and sizes of LevelDB's write-ahead logs. Whoever opens the database begins a new
 * one, and every append makes one longer. Looking at them takes no lock and opens no file.
 */
export async function appendSign(root: string): Promise<string> {
  const names = await writeAheadLogs(root)
  const sizes = names.split(',').map((name) => sizeOf(join(root, LOG_FOLDER, name)))
  return `${names} ${(await Promise.all(sizes)).join()}`
}

/** Waits until there is another sign. @throws HearthError ABORTED */
export async function waitForAppend(root: string, sign: string, signal: AbortSignal): Promise<void> {
  do {
    try {
      await sleep(LOOK_EVERY_MS, undefined, { signal })
    } catch (error) {
      if (!signal.aborted) throw error
      throw new HearthError('ABORTED', 'stopped while waiting for the log to go on', {}, error)
    }
  } while ((await appendSign(root)) === sign)
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw storeFailure(error, `look at ${path}`)
  }
}
