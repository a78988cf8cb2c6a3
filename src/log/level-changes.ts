import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { HearthError } from '../errors.js'
import { LOG_FOLDER } from '../oci/image-layout.js'
import { errnoOf, storeFailure } from './fs-failure.js'
import { databaseFiles } from './level-database.js'

/** A person who watches does not notice, and a look costs three system calls. */
const LOOK_EVERY_MS = 200

/**
 * What an append changes, from outside: it makes one of LevelDB's write-ahead logs longer, of which whoever opens the database next
 * makes a table. Their numbers are never used again. A write-ahead log that is empty says only that the database was opened, as
 * everybody does who looks: two who wait would wake each other for ever. Takes no lock and opens no file.
 */
export async function appendSign(root: string): Promise<string> {
  const sign = async (name: string): Promise<string> => {
    if (name.endsWith('.ldb')) return name
    const size = name.endsWith('.log') ? await sizeOf(join(root, LOG_FOLDER, name)) : 0
    return size === 0 ? '' : `${name} ${size}`
  }
  const signs = await Promise.all((await databaseFiles(root)).map(sign))
  return signs.filter((one) => one !== '').join()
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

/** 0 for one that is gone: what was in it is in a table, which the next look shows. */
async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 0
    throw storeFailure(error, `look at ${path}`)
  }
}
