import { closeSync, openSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isHearthError } from '../errors.js'
import { storeFailure } from './fs-failure.js'
import { type Operation, writeBatch } from './level-batch.js'
import type { Database } from './level-database.js'
import { HIGHEST_KEY, LOWEST_KEY, openValue, recordKey, type Summary } from './level-format.js'
import { decodeWriteAheadLog } from './level-wal.js'

/** LOG, LOCK, the folder, two manifests, two write-ahead logs, CURRENT's temporary file. */
const DESCRIPTORS = 8

/**
 * The write-ahead logs, oldest first, as they are before LevelDB opens them. It takes one that it cannot open or read for empty, and
 * removes it: one moment without a free descriptor, or one bad read, and acknowledged events are gone. So they are read
 * here first, which leaves them in memory, while as many descriptors are open as LevelDB is going to need.
 * @throws HearthError STORE_FAILED when they cannot be read; nothing was touched then.
 */
export async function readWriteAheadLogs(folder: string): Promise<readonly Buffer[]> {
  const spare: number[] = []
  try {
    while (spare.length < DESCRIPTORS) spare.push(openSync(folder, 'r'))
    const names = (await readdir(folder)).filter((name) => name.endsWith('.log')).sort(byNumber)
    return await Promise.all(names.map((name) => readFile(join(folder, name))))
  } catch (error) {
    throw storeFailure(error, `read the log in ${folder}`)
  } finally {
    for (const descriptor of spare) closeSync(descriptor)
  }
}

/**
 * Writes anew what was in the write-ahead logs, if LevelDB failed to read one after all. What is torn or damaged in them is
 * left to LevelDB, which cuts it. Idempotent: a batch that is there already changes nothing.
 */
export async function restoreLost(database: Database, logs: readonly Buffer[]): Promise<void> {
  const newest = logs.at(-1)
  if (newest === undefined || (logs.length === 1 && (await isReadToItsEnd(database, newest)))) return
  const decoded = logs.map(decodeWriteAheadLog)
  for (const operations of decoded) {
    if (await isLost(database, operations)) return await writeBatch(database, decoded.flat())
  }
}

/**
 * Whether the last batch of a write-ahead log is not in the database. Each log is looked at for itself: there are two of them when a
 * crash came while LevelDB made a table of the older one, and it goes on with the newer one when it cannot read that. A log whose
 * table was finished may still be there, too; its records are in the database then, or in an archive.
 */
async function isLost(database: Database, operations: readonly Operation[]): Promise<boolean> {
  const last = operations.findLast((operation) => operation.type === 'put' && operation.key === LOWEST_KEY)
  if (last?.type !== 'put') return false
  const stored = (await database.get(LOWEST_KEY)) as string | undefined
  const [written, found] = [headsIn(last.value), headsIn(stored)]
  if (written === undefined || found === undefined) return false
  if (written.head > found.head) return true
  if (written.head <= found.base) return false
  return (await database.get(recordKey(written.head))) === undefined
}

/**
 * Every batch ends with the highest key. A log that ends with the very value which LevelDB found under it needs no decoding:
 * that takes some 20 ms for each megabyte.
 */
async function isReadToItsEnd(database: Database, newest: Buffer): Promise<boolean> {
  const found = (await database.get(HIGHEST_KEY)) as string | undefined
  return found !== undefined && newest.subarray(-found.length).equals(Buffer.from(found))
}

/** LevelDB pads its numbers to six digits, and goes on above them. */
function byNumber(a: string, b: string): number {
  return Number.parseInt(a, 10) - Number.parseInt(b, 10)
}

/** Positions of the last record, and of the last one in an archive. */
interface Heads {
  readonly head: number
  readonly base: number
}

/** Undefined for what is damaged, or from a newer hearth: the checks that follow know what to say about it. */
function headsIn(sealed: string | undefined): Heads | undefined {
  if (sealed === undefined) return { head: -1, base: -1 }
  try {
    const { head, base } = openValue(LOWEST_KEY, sealed) as Partial<Summary>
    return head && { head: head.position, base: base?.position ?? 0 }
  } catch (error) {
    if (isHearthError(error, 'LOG_CORRUPT')) return undefined
    throw error
  }
}
