import { readdir, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Level } from 'level'
import { type ErrorCode, HearthError, isHearthError } from '../errors.js'
import { FORMAT_FILE, LOG_FOLDER, MATERIALISED_FILE } from '../oci/image-layout.js'
import { errnoOf, storeFailure } from './fs-failure.js'
import { syncFolder } from './fs-sync-folder.js'
import { type Operation, writeBatch } from './level-batch.js'
import { EMPTY_SUMMARY, HIGHEST_KEY, LOWEST_KEY, sealSummary } from './level-format.js'
import { readWriteAheadLogs, restoreLost } from './level-wal-guard.js'
import { logCorrupt } from './record.js'

export type Database = Level<string, string>

const ENCODING = { keyEncoding: 'utf8', valueEncoding: 'utf8' } as const

/**
 * Opens the database of a cache; never creates one. Assumes that the caller holds the lock of the log: a second open in
 * the same process would silently drop LevelDB's own lock.
 * @throws HearthError LOG_CORRUPT when it is not there as a whole though the cache was initialised, CACHE_MISSING when it
 *   was not, LOG_BUSY when a program that does not know our lock has it open.
 */
export async function openDatabase(root: string): Promise<Database> {
  const folder = join(root, LOG_FOLDER)
  // LevelDB would leave its LOCK and LOG files behind in a folder without a database.
  if (!(await isFile(join(folder, 'CURRENT')))) throw await missing(root)
  const logs = await readWriteAheadLogs(folder)
  const database: Database = new Level(folder, { ...ENCODING, createIfMissing: false })
  try {
    await database.open()
  } catch (error) {
    throw openFailure(error)
  }
  try {
    // Opening begins a new log file and a new manifest, and LevelDB fsyncs neither's name in every case.
    await syncFolder(folder)
    await restoreLost(database, logs)
  } catch (error) {
    await database.close()
    throw databaseFailure(error)
  }
  return database
}

/**
 * Creates an empty database in a cache that has none yet; one with content is kept. Idempotent. Assumes that the caller
 * holds the lock of the log, and that the cache is not initialised yet.
 * @throws HearthError LOG_CORRUPT when what is there is damaged: history is never thrown away.
 */
export async function createDatabase(root: string): Promise<void> {
  const folder = join(root, LOG_FOLDER)
  const hasTables = (await namesIn(folder)).some((name) => name.endsWith('.ldb'))
  // An index.json was written from a log. Only format.json was lost then, if the log is whole.
  const hasHistory = hasTables || (await isFile(join(root, MATERIALISED_FILE)))
  // LevelDB takes a folder that lost its CURRENT for an empty one, and removes the tables: all history.
  if (hasHistory && !(await isFile(join(folder, 'CURRENT')))) {
    throw logCorrupt(hasTables ? 'it has tables, but no CURRENT file' : 'its database is missing', { folder })
  }
  try {
    await initDatabase(folder)
  } catch (error) {
    if (hasHistory || !isHearthError(error, 'LOG_CORRUPT')) throw error
    // LevelDB does not fsync its first manifest: a power cut leaves a database that cannot be opened. Nothing was ever
    // appended to it, because the second opening makes a table, and the first one is this.
    for (const name of await namesIn(folder)) await removeFile(join(folder, name))
    await initDatabase(folder)
  }
  await syncFolder(folder)
  await syncFolder(dirname(folder))
}

async function initDatabase(folder: string): Promise<void> {
  const database: Database = new Level(folder, { ...ENCODING, createIfMissing: true })
  try {
    await database.open()
    if ((await database.get(LOWEST_KEY)) === undefined) await writeBatch(database, emptyHeads())
  } catch (error) {
    throw openFailure(error)
  } finally {
    await database.close()
  }
}

/** Names of LevelDB's write-ahead logs: when the set changes, the folder must be fsynced before an append is durable. */
export async function writeAheadLogs(root: string): Promise<string> {
  return (await databaseFiles(root)).filter((name) => name.endsWith('.log')).join()
}

/** Names of all files of the database, sorted. */
export async function databaseFiles(root: string): Promise<readonly string[]> {
  return [...(await namesIn(join(root, LOG_FOLDER)))].sort()
}

/** A failed operation on an open database. */
export function databaseFailure(error: unknown): HearthError {
  if (error instanceof HearthError) return error
  if (errnoOf(error) === 'LEVEL_CORRUPTION') return logCorrupt('LevelDB reports a corruption', {}, error)
  return new HearthError(
    codeIn(error) ?? 'LOG_FAILED',
    `the log cannot be read or written: ${textOf(error)}`,
    {},
    error,
  )
}

function openFailure(error: unknown): HearthError {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  if (errnoOf(cause) === 'LEVEL_LOCKED') {
    return new HearthError('LOG_BUSY', 'another program has the log open', {}, error)
  }
  const code = codeIn(cause)
  if (code !== undefined) return new HearthError(code, `the log cannot be opened: ${textOf(cause)}`, {}, error)
  // Corruption, missing tables, a manifest that is gone: each means that the log is not whole.
  if (/^(Corruption|Invalid argument|NotFound)|No such file/.test(textOf(cause))) {
    return logCorrupt(textOf(cause), {}, error)
  }
  return new HearthError('LOG_FAILED', `the log cannot be opened: ${textOf(cause)}`, {}, error)
}

/** LevelDB hands on the C library's words instead of an errno. */
function codeIn(error: unknown): ErrorCode | undefined {
  const text = textOf(error)
  if (/No space left|Disk quota|File too large/.test(text)) return 'NO_SPACE'
  return /Read-only file system|Permission denied/.test(text) ? 'STORE_READ_ONLY' : undefined
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

async function missing(root: string): Promise<HearthError> {
  for (const sign of [FORMAT_FILE, MATERIALISED_FILE]) {
    if (await isFile(join(root, sign))) return logCorrupt('its database is missing', { path: root })
  }
  return new HearthError('CACHE_MISSING', `there is no cache in ${root}`, { path: root })
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw storeFailure(error, `read the folder ${folder}`)
  }
}

async function removeFile(path: string): Promise<void> {
  try {
    await rm(path, { force: true })
  } catch (error) {
    throw storeFailure(error, `remove ${path}`)
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile()
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return false
    throw storeFailure(error, `look at ${path}`)
  }
}

function emptyHeads(): Operation[] {
  const summary = { ...EMPTY_SUMMARY, id: globalThis.crypto.randomUUID() }
  return [LOWEST_KEY, HIGHEST_KEY].map((key) => ({ type: 'put', key, value: sealSummary(key, summary) }))
}
