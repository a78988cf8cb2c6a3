import { join } from 'node:path'
import type { HearthError } from '../errors.js'
import type { Digest } from '../oci/digest.js'
import { LOG_FOLDER } from '../oci/image-layout.js'
import type { ArchiveRecord, BlobRecord, HeldLog, PinRecord, ReferenceRecord } from './event-log.js'
import type { Head, HearthEvent, Recorded } from './events.js'
import { syncFolder } from './fs-sync-folder.js'
import { planBatch, writeBatch } from './level-batch.js'
import { type Database, databaseFailure, openDatabase, writeAheadLogs } from './level-database.js'
import {
  HIGHEST_KEY,
  LOWEST_KEY,
  openSummary,
  openValue,
  parseTableKey,
  type Summary,
  sealOf,
  type Table,
  type TableTypes,
  tableKey,
  tableRange,
} from './level-format.js'
import { readLog } from './level-read.js'
import { checkTail, holdsRecord, readRecords, type Seen, type StoredRecord } from './level-tail.js'
import { type StoredBlob, withFlushes } from './projection.js'
import { logCorrupt, type Stamp, sealAll } from './record.js'

export interface SessionOptions {
  /** Of the cache. */
  readonly root: string
  /** What this process verified last; without it the whole tail is verified. */
  readonly seen: Seen | undefined
  readonly stamp: () => Stamp
}

interface Opened {
  readonly database: Database
  readonly summary: Summary
}

/** Where the next records are. */
export type Page =
  | { readonly kind: 'records'; readonly records: readonly Recorded[] }
  | { readonly kind: 'archive'; readonly archive: ArchiveRecord }

/** The log opened once, for some holds in a row. Assumes that its owner has the lock of the log all the while. */
export class LevelSession implements HeldLog {
  readonly #options: SessionOptions
  #opened: Opened
  /** Names of the write-ahead logs when the folder was fsynced last. */
  #logs: string
  #failure: HearthError | undefined
  #appending: Promise<unknown> = Promise.resolve()

  private constructor(options: SessionOptions, opened: Opened, logs: string) {
    this.#options = options
    this.#opened = opened
    this.#logs = logs
  }

  /** @throws HearthError as openDatabase does, and LOG_CORRUPT when the tail of the log is damaged. */
  static async open(options: SessionOptions): Promise<LevelSession> {
    const opened = await openVerified(options.root, options.seen)
    return new LevelSession(options, opened, await writeAheadLogs(options.root))
  }

  get head(): Head {
    return this.#opened.summary.head
  }

  /** For the next session, which checks only what comes after it. */
  get seen(): Seen {
    return this.#opened.summary
  }

  /** After a failed append nothing may be read or written any more: the owner opens a new session. */
  get failed(): boolean {
    return this.#failure !== undefined
  }

  /** Appends of one hold that are not awaited follow one another all the same. */
  async append(events: readonly HearthEvent[]): Promise<readonly Recorded[]> {
    const turn = this.#appending.then(() => this.#append(events))
    this.#appending = turn.catch((error: unknown) => error)
    return turn
  }

  async blobs(digests: Iterable<Digest>): Promise<ReadonlyMap<Digest, BlobRecord>> {
    const wanted = [...new Set(digests)]
    const keys = wanted.map((digest) => tableKey('blobs', digest))
    const stored = await this.#read(async ({ database }) => (await database.getMany(keys)) as (string | undefined)[])
    const found = new Map<Digest, StoredBlob>()
    for (const [index, digest] of wanted.entries()) {
      const sealed = stored[index]
      if (sealed !== undefined) found.set(digest, openValue(tableKey('blobs', digest), sealed) as StoredBlob)
    }
    return await this.#withFlushes(found)
  }

  async allBlobs(): Promise<ReadonlyMap<Digest, BlobRecord>> {
    return await this.#withFlushes(await this.#table('blobs'))
  }

  /** Most are durable since their commit, and nothing more has to be read for them. */
  async #withFlushes(blobs: ReadonlyMap<Digest, StoredBlob>): Promise<ReadonlyMap<Digest, BlobRecord>> {
    if ([...blobs.values()].every(({ durable }) => durable)) return blobs
    const flushes = await this.flushes()
    return new Map([...blobs].map(([digest, blob]) => [digest, withFlushes(blob, flushes)]))
  }

  async references(): Promise<ReadonlyMap<string, ReferenceRecord>> {
    return this.#table('references')
  }

  async reference(name: string): Promise<ReferenceRecord | undefined> {
    const key = tableKey('references', name)
    const sealed = await this.#read(async ({ database }) => (await database.get(key)) as string | undefined)
    return sealed === undefined ? undefined : (openValue(key, sealed) as ReferenceRecord)
  }

  async archives(): Promise<ReadonlyMap<number, ArchiveRecord>> {
    return this.#table('archives')
  }

  async pins(): Promise<ReadonlyMap<string, PinRecord>> {
    return this.#table('pins')
  }

  async unfinishedRemovals(): Promise<ReadonlyMap<number, readonly Digest[]>> {
    return this.#table('removals')
  }

  async flushes(): Promise<ReadonlyMap<string, number>> {
    return this.#table('flushes')
  }

  read(position: number): AsyncGenerator<Recorded> {
    return readLog(this.#options.root, position, (work) => work(this))
  }

  /** The last record that stands in an archive. */
  get base(): Head {
    return this.#opened.summary.base
  }

  /** Up to `limit` records after a position. @throws HearthError LOG_CORRUPT for a damaged or missing record. */
  async records(after: number, limit: number): Promise<readonly StoredRecord[]> {
    return this.#read(({ database, summary }) => readRecords(database, summary, { after, limit }))
  }

  /** The same, or the archive in which they stand. */
  async page(after: number, limit: number): Promise<Page> {
    if (after >= this.base.position) {
      const stored = await this.records(after, limit)
      return { kind: 'records', records: stored.map(({ recorded }) => recorded) }
    }
    const archives = [...(await this.archives()).values()]
    const archive = archives.find(({ from, through }) => from <= after + 1 && after < through)
    if (archive === undefined) throw logCorrupt(`record ${after + 1} is missing`, { position: after + 1 })
    return { kind: 'archive', archive }
  }

  async close(): Promise<void> {
    await this.#appending
    await this.#opened.database.close()
  }

  async #append(events: readonly HearthEvent[]): Promise<readonly Recorded[]> {
    if (events.length === 0) return []
    if (this.#failure !== undefined) throw this.#failure
    const records = sealAll(events, this.head, this.#options.stamp)
    try {
      await this.#write(records)
      await this.#syncNewLogs()
    } catch (error) {
      this.#failure = databaseFailure(error)
      throw this.#failure
    }
    return records
  }

  /**
   * A handle that failed one write goes on acknowledging writes which a crash then loses, and the failed write itself may
   * or may not have happened. So after any failure: close, open again, and look. Opening rewrites what it finds in the
   * write-ahead log into a fsynced table: a record that is there then is durable.
   */
  async #write(records: readonly Recorded[]): Promise<void> {
    const [first] = records
    for (let attempt = 1; first !== undefined; attempt++) {
      const { database, summary: before } = this.#opened
      const { operations, summary } = await planBatch(database, before, records)
      try {
        await writeBatch(database, operations)
        this.#opened = { database, summary }
        return
      } catch (error) {
        await database.close()
        this.#opened = await openVerified(this.#options.root, before)
        if (await holdsRecord(this.#opened.database, first)) return
        if (attempt === 2) throw error
      }
    }
  }

  /** LevelDB begins a new write-ahead log when one is full, and leaves its name to chance. */
  async #syncNewLogs(): Promise<void> {
    const logs = await writeAheadLogs(this.#options.root)
    if (logs === this.#logs) return
    await syncFolder(join(this.#options.root, LOG_FOLDER))
    this.#logs = logs
  }

  async #table<T extends Table>(table: T): Promise<ReadonlyMap<TableTypes[T]['key'], TableTypes[T]['value']>> {
    return this.#read(async ({ database, summary }) => {
      const entries = new Map<TableTypes[T]['key'], TableTypes[T]['value']>()
      let sum = 0
      for (const [key, sealed] of await database.iterator(tableRange(table)).all()) {
        entries.set(parseTableKey(table, key), openValue(key, sealed) as TableTypes[T]['value'])
        sum = (sum ^ sealOf(sealed)) >>> 0
      }
      if (sum !== summary.sums[table]) throw logCorrupt(`entries of ${table} are lost or stale`, { table })
      return entries
    })
  }

  async #read<T>(work: (opened: Opened) => Promise<T>): Promise<T> {
    if (this.#failure !== undefined) throw this.#failure
    try {
      return await work(this.#opened)
    } catch (error) {
      throw databaseFailure(error)
    }
  }
}

async function openVerified(root: string, seen: Seen | undefined): Promise<Opened> {
  const database = await openDatabase(root)
  try {
    const [lowest, highest] = (await database.getMany([LOWEST_KEY, HIGHEST_KEY])) as (string | undefined)[]
    const summary = openSummary(lowest, highest)
    await checkTail(database, summary, seen)
    return { database, summary }
  } catch (error) {
    await database.close()
    throw databaseFailure(error)
  }
}
