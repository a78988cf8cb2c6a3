import { lstat, mkdir, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { HearthError, isHearthError } from '../errors.js'
import { acquireLock, type Lock } from '../lock/fs-lock.js'
import { errnoOf, storeFailure } from '../log/fs-failure.js'
import { syncFolder } from '../log/fs-sync-folder.js'
import { LevelEventLog } from '../log/level-event-log.js'
import {
  BLOBS_FOLDER,
  FORMAT_FILE,
  HEARTH_FOLDER,
  INDEX_FILE,
  INGEST_FOLDER,
  LEASES_FOLDER,
  LOG_FOLDER,
  MATERIALISED_FILE,
  OCI_LAYOUT_BYTES,
  OCI_LAYOUT_FILE,
} from '../oci/image-layout.js'
import { type CacheFormat, FORMAT_VERSION, parseFormat, parseOciLayout } from './format.js'
import { checkBlobFolders } from './fs-blob-folders.js'
import { MAX_INDEX_BYTES } from './fs-index-file.js'
import { keepAside } from './fs-keep-aside.js'
import { keepPrivate } from './fs-private-folder.js'
import { readWhole } from './fs-read-file.js'
import { replaceFile, sweepTemporaries } from './fs-replace-file.js'
import { parseIndexFile } from './image-index.js'

export interface InitOptions {
  /** How long to wait for another process that initialises the same folder. */
  readonly lockTimeoutMs: number
  /** Default: a random UUID. */
  readonly newId?: () => string
}

const encoder = new TextEncoder()
/** format.json and oci-layout have less than a hundred. */
const MAX_SMALL_BYTES = 64 * 1024

/**
 * The format of the cache in a folder, after making it a cache if it is none yet. What another tool keeps there stays; its
 * references are adopted when index.json is materialised for the first time. format.json is written last: a folder without
 * it was never acknowledged as a cache, so a run that was killed on the way is simply repeated. Idempotent; any number of
 * processes may do it at once.
 * @throws HearthError FORMAT_UNSUPPORTED when a newer hearth made it, LAYOUT_INVALID when it is an image layout that we do
 *   not understand, or one whose blobs lie behind a link: nothing is touched then. STORE_READ_ONLY, NO_SPACE, STORE_FAILED.
 */
export async function openOrInit(path: string, options: InitOptions): Promise<CacheFormat> {
  const root = resolve(path)
  await keepPrivate(join(root, HEARTH_FOLDER))
  checkBlobFolders(root)
  const format = await readFormat(root)
  if (format !== undefined) return format
  await checkLayout(root)
  await makeFolder(root)
  await makeFolder(join(root, HEARTH_FOLDER))
  const lock = await lockInit(root, options.lockTimeoutMs)
  try {
    return (await readFormat(root)) ?? (await init(root, options))
  } finally {
    await unlockInit(root, lock)
  }
}

/**
 * The format of a cache; undefined for a folder that is none, or is not there.
 * @throws HearthError FORMAT_UNSUPPORTED when a newer hearth made it, LAYOUT_INVALID when format.json is damaged.
 */
export async function readFormat(path: string): Promise<CacheFormat | undefined> {
  try {
    const text = await readText(join(path, FORMAT_FILE), MAX_SMALL_BYTES)
    return text === undefined ? undefined : parseFormat(text)
  } catch (error) {
    if (!isHearthError(error, 'LAYOUT_INVALID')) throw error
    const message = `${FORMAT_FILE} is damaged; hearth verify --repair makes it anew`
    throw new HearthError('LAYOUT_INVALID', message, error.details, error)
  }
}

/**
 * Moves a damaged format.json away, so that the next {@link openOrInit} makes it anew. Safe as long as the caller has read the
 * log from its first record to its last: then it is of the version that this hearth writes, which the damaged file says no more.
 * Idempotent; one that another process has made anew meanwhile stays.
 * @throws HearthError FORMAT_UNSUPPORTED when a newer hearth made it: nothing is touched then.
 */
export async function setDamagedFormatAside(path: string, { lockTimeoutMs }: InitOptions): Promise<void> {
  const root = resolve(path)
  await keepPrivate(join(root, HEARTH_FOLDER))
  const lock = await lockInit(root, lockTimeoutMs)
  try {
    await readFormat(root)
  } catch (error) {
    if (!isHearthError(error, 'LAYOUT_INVALID')) throw error
    await keepAside(root, FORMAT_FILE)
  } finally {
    await unlockInit(root, lock)
  }
}

/**
 * The same as {@link isInitialised}, for whoever can live with a damaged format.json: it was acknowledged before it was damaged.
 * @throws HearthError FORMAT_UNSUPPORTED.
 */
export async function wasInitialised(path: string): Promise<boolean> {
  try {
    return await isInitialised(path)
  } catch (error) {
    if (isHearthError(error, 'LAYOUT_INVALID')) return true
    throw error
  }
}

/**
 * Whether hearth has written here, as far as to acknowledge it. Where format.json was lost, what we last wrote to index.json tells:
 * that comes after it. The log is read as it is then, and the next command that writes makes format.json again, of the version
 * that it knows: the log of a newer hearth says so by itself.
 */
export async function isInitialised(path: string): Promise<boolean> {
  return (await readFormat(path)) !== undefined || (await isFile(join(path, MATERIALISED_FILE)))
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isFile()
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw storeFailure(error, `look at ${path}`)
  }
}

async function init(root: string, { lockTimeoutMs, newId = () => globalThis.crypto.randomUUID() }: InitOptions) {
  const layout = join(root, OCI_LAYOUT_FILE)
  for (const path of [layout, join(root, FORMAT_FILE)]) await sweepTemporaries(path)
  if ((await readText(layout, MAX_SMALL_BYTES)) === undefined)
    await replaceFile(layout, encoder.encode(OCI_LAYOUT_BYTES))
  await makeFolder(join(root, BLOBS_FOLDER), 0o755)
  // The log's too: LevelDB would make it with whatever rights the umask leaves to others.
  for (const folder of [INGEST_FOLDER, LEASES_FOLDER, LOG_FOLDER]) await makeFolder(join(root, folder))
  await LevelEventLog.init(root, { lockTimeoutMs })
  const format = { version: FORMAT_VERSION, id: newId() }
  await replaceFile(join(root, FORMAT_FILE), encoder.encode(JSON.stringify(format)))
  return format
}

/** Before anything is written: a layout that cannot be understood must not be found out after a gigabyte was pulled. */
async function checkLayout(root: string): Promise<void> {
  const layout = await readText(join(root, OCI_LAYOUT_FILE), MAX_SMALL_BYTES)
  if (layout !== undefined) parseOciLayout(layout)
  const index = await readWhole(join(root, INDEX_FILE), MAX_INDEX_BYTES)
  if (index !== undefined) parseIndexFile(index)
}

/**
 * For the owner alone, with its parents, each name durable. By hand, because Node's own recursive mkdir never returns where
 * a folder exists but answers ENOENT to new ones, as /proc does (Node 20.20).
 */
async function makeFolder(path: string, mode = 0o700): Promise<void> {
  if (await makeInParent(path, mode, { orphan: 'is told' })) return
  await makeFolder(dirname(path), mode)
  await makeInParent(path, mode, { orphan: 'throws' })
}

/** Whether the folder is there now: not, when its parent is missing and the caller is to be told. */
async function makeInParent(
  path: string,
  mode: number,
  { orphan }: { readonly orphan: 'is told' | 'throws' },
): Promise<boolean> {
  try {
    await mkdir(path, { mode })
    await syncFolder(dirname(path))
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' && orphan === 'is told') return false
    if (errnoOf(error) === 'EEXIST' && (await isFolder(path))) return true
    throw error instanceof HearthError ? error : storeFailure(error, `create the folder ${path}`)
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (error) {
    // A link that leads nowhere.
    if (errnoOf(error) === 'ENOENT') return false
    throw storeFailure(error, `look at ${path}`)
  }
}

async function readText(path: string, maxBytes: number): Promise<string | undefined> {
  const bytes = await readWhole(path, maxBytes)
  return bytes && new TextDecoder().decode(bytes)
}

function lockInit(root: string, timeoutMs: number) {
  return acquireLock(initLock(root), {
    timeoutMs,
    busy: ({ pid }) =>
      new HearthError(
        'STORE_BUSY',
        `${pid === undefined ? 'another process' : `process ${pid}`} initialises the cache`,
        {
          timeoutMs,
          ...(pid !== undefined && { pid }),
        },
      ),
  })
}

/** Those who wait for the lock notice that its file is another one, and find format.json. */
async function unlockInit(root: string, lock: Lock): Promise<void> {
  try {
    await rm(initLock(root), { force: true })
  } catch (error) {
    throw storeFailure(error, `remove ${initLock(root)}`)
  } finally {
    await lock.release()
  }
}

function initLock(root: string): string {
  return join(root, HEARTH_FOLDER, 'init.lock')
}
