import { closeSync, openSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isHearthError } from '../errors.js'
import { storeFailure } from './fs-failure.js'
import { writeBatch } from './level-batch.js'
import type { Database } from './level-database.js'
import { HIGHEST_KEY, LOWEST_KEY, openValue, type Summary } from './level-format.js'
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
  if (await isReadToItsEnd(database, logs.at(-1))) return
  const operations = logs.flatMap(decodeWriteAheadLog)
  const newest = operations.findLast((operation) => operation.type === 'put' && operation.key === LOWEST_KEY)
  if (newest?.type !== 'put') return
  const [lost, found] = [positionOf(newest.value), positionOf((await database.get(LOWEST_KEY)) as string | undefined)]
  if (lost !== undefined && found !== undefined && lost > found) await writeBatch(database, operations)
}

/**
 * Every batch ends with the highest key. A log that ends with the very value which LevelDB found under it needs no decoding:
 * that takes some 20 ms for each megabyte.
 */
async function isReadToItsEnd(database: Database, newest: Buffer | undefined): Promise<boolean> {
  const found = (await database.get(HIGHEST_KEY)) as string | undefined
  return found !== undefined && newest?.subarray(-found.length).equals(Buffer.from(found)) === true
}

/** LevelDB pads its numbers to six digits, and goes on above them. */
function byNumber(a: string, b: string): number {
  return Number.parseInt(a, 10) - Number.parseInt(b, 10)
}

/** Undefined for what is damaged, or from a newer hearth: the checks that follow know what to say about it. */
function positionOf(sealed: string | undefined): number | undefined {
  if (sealed === undefined) return -1
  try {
    return (openValue(LOWEST_KEY, sealed) as Partial<Summary>).head?.position
  } catch (error) {
    if (isHearthError(error, 'LOG_CORRUPT')) return undefined
    throw error
  }
}
