import { crc32 } from 'node:zlib'
import { HearthError } from '../errors.js'
import type { Digest } from '../oci/digest.js'
import type { ArchiveRecord, PinRecord, ReferenceRecord } from './event-log.js'
import { EMPTY_HEAD, type Head } from './events.js'
import type { Effect, StoredBlob } from './projection.js'
import { logCorrupt } from './record.js'

/**
 * How the log lies in LevelDB. Keys are those of abstract-level's sublevels (`!name!key`):
 *
 *     !records!<position, 14 hexadecimal digits>   a record, see record.ts
 *     !blobs!<digest>                              projection: a sealed StoredBlob
 *     !references!<name as JSON>                   projection: a sealed ReferenceRecord (JSON keeps lone surrogates apart)
 *     !pins!<name as JSON>                         projection: a sealed PinRecord
 *     !archives!<position>                         projection: a sealed ArchiveRecord, by its first record
 *     !removals!<position>                         projection: a sealed list of digests
 *     !flushes!<boot>                              projection: a sealed position
 *     " head" and "~head"                          the same sealed Summary, as the lowest and the highest key
 *
 * Every batch writes both heads. Each open turns the last batch into one more .ldb file; were their key ranges disjoint,
 * LevelDB would never compact them (measured: 3,003 files after 3,000 holds, and a hold takes 25 ms instead of 11).
 *
 * LevelDB returns damaged values without an error and skips damaged blocks. A sealed value carries a CRC of its key and
 * itself, and the summary the sum (XOR) of all CRCs of a table: a full scan notices entries that are lost or stale.
 */
export const LOWEST_KEY = ' head'
export const HIGHEST_KEY = '~head'

export type Table = Effect['table']
export const TABLES: readonly Table[] = ['blobs', 'references', 'pins', 'archives', 'removals', 'flushes']

/** What the tables hold, by table. */
export interface TableTypes {
  readonly blobs: { readonly key: Digest; readonly value: StoredBlob }
  readonly references: { readonly key: string; readonly value: ReferenceRecord }
  readonly pins: { readonly key: string; readonly value: PinRecord }
  readonly archives: { readonly key: number; readonly value: ArchiveRecord }
  readonly removals: { readonly key: number; readonly value: readonly Digest[] }
  readonly flushes: { readonly key: string; readonly value: number }
}

/** The state of the whole database after a batch. */
export interface Summary {
  /** Which log this is: one that was made anew in its place has another. Absent in those of an older hearth. */
  readonly id?: string
  readonly head: Head
  /** The last record that stands in an archive: the records of the database begin after it. */
  readonly base: Head
  /** XOR of the CRCs of all entries of a table. */
  readonly sums: Readonly<Record<Table, number>>
}

export const EMPTY_SUMMARY: Summary = Object.freeze({
  head: EMPTY_HEAD,
  base: EMPTY_HEAD,
  sums: Object.freeze({ blobs: 0, references: 0, pins: 0, archives: 0, removals: 0, flushes: 0 }),
})

/** Of the projection tables: they can be rebuilt from the records by a program that wants another shape. */
const VERSION = 1
/** The same, with records in archives: a hearth that does not know those must not take them for lost. */
const VERSION_WITH_ARCHIVES = 2
const POSITION_DIGITS = 14
const SEAL_DIGITS = 8

export function recordKey(position: number): string {
  return `!records!${hexadecimal(position)}`
}

export function tableKey(table: Table, key: string | number): string {
  return `!${table}!${isNamed(table) ? JSON.stringify(key) : typeof key === 'number' ? hexadecimal(key) : key}`
}

/** A range of keys, for LevelDB's iterators. */
export interface KeyRange {
  readonly gt: string
  readonly lt: string
  /** Read at once: without it, classic-level goes back to a thread for each 16 KiB. */
  readonly highWaterMarkBytes: number
}

/** All keys of a table, or all records: '"' is the character after '!'. */
export function tableRange(table: Table | 'records'): KeyRange {
  return { gt: `!${table}!`, lt: `!${table}"`, highWaterMarkBytes: 1024 * 1024 }
}

/** The inverse of {@link tableKey}. */
export function parseTableKey<T extends Table>(table: T, stored: string): TableTypes[T]['key'] {
  const key = stored.slice(table.length + 2)
  const parsed = isNamed(table) ? JSON.parse(key) : isPlaced(table) ? Number.parseInt(key, 16) : key
  return parsed as TableTypes[T]['key']
}

/** A value with the CRC of its key and itself before it. */
export function sealValue(key: string, value: unknown): string {
  const json = JSON.stringify(value)
  return crcOf(key, json).toString(16).padStart(SEAL_DIGITS, '0') + json
}

/** The CRC that {@link sealValue} wrote; 0 for no value, so that it does not change a sum. */
export function sealOf(sealed: string | undefined): number {
  return sealed === undefined ? 0 : Number.parseInt(sealed.slice(0, SEAL_DIGITS), 16)
}

/** @throws HearthError LOG_CORRUPT when a byte of the value or of its key changed. */
export function openValue(key: string, sealed: string): unknown {
  const json = sealed.slice(SEAL_DIGITS)
  if (crcOf(key, json) !== sealOf(sealed)) throw logCorrupt(`the entry ${key} does not match its checksum`, { key })
  return JSON.parse(json)
}

export function sealSummary(key: string, { id, head, base, sums }: Summary): string {
  const version = base.position === 0 ? VERSION : VERSION_WITH_ARCHIVES
  return sealValue(key, { version, id, head, base, sums })
}

/**
 * The summary out of its two copies.
 * @throws HearthError LOG_CORRUPT when one is missing or damaged, or they differ; FORMAT_UNSUPPORTED when a newer hearth
 *   wrote it.
 */
export function openSummary(lowest: string | undefined, highest: string | undefined): Summary {
  if (lowest === undefined || highest === undefined) throw logCorrupt('its head is missing')
  const summary = openValue(LOWEST_KEY, lowest) as Summary & { readonly version: number }
  const copy = openValue(HIGHEST_KEY, highest)
  if (JSON.stringify(copy) !== JSON.stringify(summary)) throw logCorrupt('the two copies of its head differ')
  const { version, id, head, base = EMPTY_HEAD, sums } = summary
  if (version > VERSION_WITH_ARCHIVES) {
    const known = VERSION_WITH_ARCHIVES
    throw new HearthError('FORMAT_UNSUPPORTED', `the log has format ${version}, this hearth knows ${known}`, {
      version,
    })
  }
  // A table that an older hearth did not know has no sum yet, and no entries.
  return { ...(id !== undefined && { id }), head, base, sums: { ...EMPTY_SUMMARY.sums, ...sums } }
}

function isPlaced(table: Table): boolean {
  return table === 'removals' || table === 'archives'
}

function isNamed(table: Table): boolean {
  return table === 'references' || table === 'pins'
}

function crcOf(key: string, json: string): number {
  return crc32(json, crc32(`${key}\n`))
}

function hexadecimal(position: number): string {
  return position.toString(16).padStart(POSITION_DIGITS, '0')
}
