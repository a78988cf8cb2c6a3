import { setMaxListeners } from 'node:events'
import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { HearthError } from '../errors.js'
import { HEARTH_FOLDER } from '../oci/image-layout.js'
import type { ArchiveRecord, EventLog, HeldLog, HoldOptions } from './event-log.js'
import type { HearthEvent, Recorded } from './events.js'
import { errnoOf, storeFailure } from './fs-failure.js'
import { type LogLockOptions, lockLog } from './fs-log-lock.js'
import { useReserve } from './fs-reserve.js'
import { LOG_NEEDS_BYTES, withSpace } from './fs-space.js'
import { appendAfter, lend } from './held-log.js'
import { archiveNext } from './level-archive.js'
import { appendSign, waitForAppend } from './level-changes.js'
import { createDatabase } from './level-database.js'
import { LevelKeeper } from './level-keeper.js'
import { readLog } from './level-read.js'
import { type ReplaceOptions, replaceDatabase } from './level-replace.js'
import type { LevelSession } from './level-session.js'
import type { Stamp } from './record.js'

export interface LevelEventLogOptions {
  /** How long a hold waits for other processes at most. */
  readonly lockTimeoutMs: number
  /** Called when a hold waits for another process so long that people notice. */
  readonly onWait?: LogLockOptions['onWait']
  /** Default: a random UUID and the time. */
  readonly stamp?: () => Stamp
}

interface Kept {
  readonly keeper: LevelKeeper
  users: number
}

/** One per cache and process: two handles of one LevelDB folder in a process would drop its lock without a word. */
const KEEPERS = new Map<string, Kept>()

/** The log in LevelDB, opened for moments only: any number of processes may have it "open" in this sense. */
export class LevelEventLog implements EventLog {
  readonly #path: string
  readonly #keeper: LevelKeeper
  readonly #closing = new AbortController()
  readonly #running = new Set<Promise<unknown>>()
  #closed: Promise<void> | undefined

  private constructor(path: string, keeper: LevelKeeper) {
    this.#path = path
    this.#keeper = keeper
    // One listener for each hold that waits: Node would take more than ten for a leak, and say so on stderr.
    setMaxListeners(0, this.#closing.signal)
  }

  /**
   * Creates an empty log in a cache that is being initialised; the only place that ever does. Keeps a log that is there.
   * Idempotent. Assumes that `.hearth` exists.
   * @throws HearthError LOG_BUSY, and LOG_CORRUPT when what is there is damaged.
   */
  static async init(root: string, { lockTimeoutMs }: Pick<LevelEventLogOptions, 'lockTimeoutMs'>): Promise<void> {
    const lock = await lockLog(root, { timeoutMs: lockTimeoutMs })
    try {
      await createDatabase(root)
    } finally {
      await lock.release()
    }
  }

  /**
   * The log of the cache in this folder. Cheap: reads nothing. Holds of all handles in a process share one queue, with
   * the options of the first.
   * @throws HearthError CACHE_MISSING when the folder was never initialised.
   */
  static async open(root: string, options: LevelEventLogOptions): Promise<LevelEventLog> {
    const path = await realRoot(root)
    const { stamp = newStamp } = options
    const kept = KEEPERS.get(path) ?? { keeper: new LevelKeeper(path, { ...options, stamp }), users: 0 }
    kept.users++
    KEEPERS.set(path, kept)
    return new LevelEventLog(path, kept.keeper)
  }

  /**
   * Puts a new log in the place of a damaged one, which is kept aside; `make` is asked for its events once no other process can
   * append. Handles that are open go on with the new one, in other processes too.
   * @returns where the old one is kept; undefined when there was none.
   * @throws HearthError LOG_BUSY, NO_SPACE, STORE_FAILED, and what `make` throws: the old log stays in place then.
   */
  static async replace(
    root: string,
    options: LevelEventLogOptions,
    make: () => Promise<ReplaceOptions['events']>,
  ): Promise<string | undefined> {
    const path = await realRoot(root)
    const lock = await lockLog(path, { timeoutMs: options.lockTimeoutMs })
    try {
      return await replaceDatabase(path, { events: await make(), stamp: options.stamp ?? newStamp })
    } finally {
      await lock.release()
    }
  }

  async hold<T>(work: (log: HeldLog) => Promise<T>, options: HoldOptions = {}): Promise<T> {
    if (options.useReserve) await useReserve(this.#path)
    return this.#run((session) => lend(session, work), options)
  }

  async append(events: readonly HearthEvent[], after: number, options?: HoldOptions): Promise<readonly Recorded[]> {
    return this.hold((log) => appendAfter(log, events, after), options)
  }

  read(position: number, options: HoldOptions = {}): AsyncGenerator<Recorded> {
    return readLog(this.#path, position, (work) => this.#run(work, options))
  }

  /**
   * Moves all records but the last ones from the database to archives, some thousands in each hold of the log. They stay part of
   * the log. Idempotent; after a crash at any point every record is in one of the two.
   * @param keep how many stay.
   * @returns the new archives.
   */
  async compact(keep: number, options: HoldOptions = {}): Promise<readonly ArchiveRecord[]> {
    const end = (await this.#run(async ({ head }) => head.position, options)) - keep
    const archives: ArchiveRecord[] = []
    for (;;) {
      const archive = await this.#run((session) => archiveNext(this.#path, session, end), options)
      if (archive === undefined) return archives
      archives.push(archive)
    }
  }

  async changed(position: number, options: HoldOptions = {}): Promise<void> {
    const { signal } = options
    const ended = signal === undefined ? this.#closing.signal : AbortSignal.any([this.#closing.signal, signal])
    for (;;) {
      // Taken in the hold: whatever is appended after it makes another one.
      const sign = await this.#run(
        async ({ head }) => (head.position > position ? undefined : appendSign(this.#path)),
        options,
      )
      if (sign === undefined) return
      await waitForAppend(this.#path, sign, ended)
    }
  }

  async close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#closing.abort()
    await Promise.allSettled(this.#running)
    const kept = KEEPERS.get(this.#path)
    if (kept?.keeper !== this.#keeper || --kept.users > 0) return
    KEEPERS.delete(this.#path)
    await this.#keeper.end()
  }

  async #run<T>(work: (session: LevelSession) => Promise<T>, { signal }: HoldOptions): Promise<T> {
    const done = this.#keeper.run(work, [this.#closing.signal, ...(signal ? [signal] : [])])
    this.#running.add(done)
    try {
      return await done
    } catch (error) {
      // LevelDB has words for a full disk, and no numbers.
      throw await withSpace(error, this.#path, LOG_NEEDS_BYTES)
    } finally {
      this.#running.delete(done)
    }
  }
}

function newStamp(): Stamp {
  return { id: globalThis.crypto.randomUUID(), at: new Date().toISOString() }
}

async function realRoot(root: string): Promise<string> {
  try {
    const path = await realpath(root)
    await realpath(join(path, HEARTH_FOLDER))
    return path
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw storeFailure(error, `open the cache in ${root}`)
    throw new HearthError('CACHE_MISSING', `there is no cache in ${root}`, { path: root }, error)
  }
}
