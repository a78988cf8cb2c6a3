import { copyFile, mkdir, mkdtemp, readdir, realpath, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HearthError } from '../errors.js'
import { LOG_FOLDER } from '../oci/image-layout.js'
import type { EventLog, HeldLog, HoldOptions } from './event-log.js'
import type { Recorded } from './events.js'
import { storeFailure } from './fs-failure.js'
import { type LogLockOptions, lockLog } from './fs-log-lock.js'
import { lend } from './held-log.js'
import { JobQueue } from './job-queue.js'
import { appendSign, waitForAppend } from './level-changes.js'
import { readLog } from './level-read.js'
import { LevelSession } from './level-session.js'
import { logCorrupt } from './record.js'

export interface LevelCopyLogOptions {
  /** How long to wait for a process that writes to the cache. */
  readonly lockTimeoutMs: number
  readonly onWait?: LogLockOptions['onWait']
}

/** LevelDB's own, which say nothing. To open its lock would end it, if this process had the database open. */
const NOT_COPIED = new Set(['LOCK', 'LOG', 'LOG.old'])

interface Copy {
  /** Like a cache's folder, with a log and nothing else. */
  readonly root: string
  /** Names, sizes and times of what was copied. */
  readonly of: string
  readonly session: LevelSession
}

/**
 * The log of a cache that this process may not write, on a read-only mount for example. LevelDB cannot open a database without
 * writing to it, so each look is one at a copy in a temporary folder, made while every writer is kept out. It is made again when
 * the log has changed since. Appending is refused with STORE_READ_ONLY.
 */
export class LevelCopyLog implements EventLog {
  readonly #root: string
  readonly #options: LevelCopyLogOptions
  readonly #queue = new JobQueue<undefined>()
  #copy: Copy | undefined
  #pumping: Promise<void> | undefined
  readonly #closing = new AbortController()

  constructor(root: string, options: LevelCopyLogOptions) {
    this.#root = root
    this.#options = options
  }

  async hold<T>(work: (log: HeldLog) => Promise<T>, options: HoldOptions = {}): Promise<T> {
    return await this.#run((session) => lend(readOnly(session, this.#root), work), options)
  }

  async append(): Promise<never> {
    throw refused()
  }

  read(position: number, options: HoldOptions = {}): AsyncGenerator<Recorded> {
    return readLog(this.#root, position, (work) => this.#run(work, options))
  }

  async changed(position: number, options: HoldOptions = {}): Promise<void> {
    const { signal } = options
    const ended = signal === undefined ? this.#closing.signal : AbortSignal.any([this.#closing.signal, signal])
    for (;;) {
      // Before the look: whatever is appended after it makes another one.
      const sign = await appendSign(this.#root)
      if (await this.#run(async ({ head }) => head.position > position, options)) return
      await waitForAppend(this.#root, sign, ended)
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#queue.failAll(closedError())
    await this.#pumping
    await this.#forget()
  }

  async #run<T>(work: (session: LevelSession) => Promise<T>, { signal }: HoldOptions): Promise<T> {
    if (this.#closing.signal.aborted) throw closedError()
    const job = async () => work((await this.#current(signal)).session)
    const done = this.#queue.add(job, signal ? [signal] : [])
    this.#pumping ??= this.#pump()
    return await done
  }

  async #pump(): Promise<void> {
    await Promise.resolve() // #pumping is assigned before the loop can end
    for (let job = this.#queue.first(); job !== undefined; job = this.#queue.first()) await job.run(undefined)
    this.#pumping = undefined
  }

  async #current(signal: AbortSignal | undefined): Promise<Copy> {
    const { lockTimeoutMs: timeoutMs, onWait } = this.#options
    const waiting = { timeoutMs, ...(onWait && { onWait }), ...(signal && { signal }) }
    const lock = await lockLog(this.#root, { ...waiting, readOnly: true })
    try {
      const of = await describe(join(this.#root, LOG_FOLDER))
      if (this.#copy?.of === of) return this.#copy
      await this.#forget()
      this.#copy = await makeCopy(this.#root, of)
      return this.#copy
    } finally {
      await lock.release()
    }
  }

  async #forget(): Promise<void> {
    const copy = this.#copy
    this.#copy = undefined
    if (copy === undefined) return
    await copy.session.close()
    await rm(copy.root, { recursive: true, force: true })
  }
}

async function makeCopy(root: string, of: string): Promise<Copy> {
  const folder = join(root, LOG_FOLDER)
  const temporary = await doing('make a copy of the log', async () =>
    mkdtemp(join(await realpath(tmpdir()), 'hearth-log-')),
  )
  try {
    const target = join(temporary, LOG_FOLDER)
    await doing(`copy the log to ${target}`, async () => {
      await mkdir(target, { recursive: true, mode: 0o700 })
      for (const name of await namesIn(folder)) await copyFile(join(folder, name), join(target, name))
    })
    const stamp = (): never => {
      throw new TypeError('nothing is appended to a copy')
    }
    return { root: temporary, of, session: await LevelSession.open({ root: temporary, seen: undefined, stamp }) }
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    throw error
  }
}

/** Changes with every append: the files of a database grow or get new names. */
async function describe(folder: string): Promise<string> {
  return await doing('read the log', async () => {
    const names = await namesIn(folder)
    if (!names.includes('CURRENT')) throw logCorrupt('its database is missing', { folder })
    const stats = await Promise.all(names.map((name) => stat(join(folder, name))))
    return stats.map(({ size, mtimeMs }, at) => `${names[at]} ${size} ${mtimeMs}`).join()
  })
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return (await readdir(folder)).filter((name) => !NOT_COPIED.has(name)).sort()
}

/** @param root of the cache: archives were not copied. */
function readOnly(session: LevelSession, root: string): HeldLog {
  return {
    get head() {
      return session.head
    },
    append: async () => {
      throw refused()
    },
    blobs: (digests) => session.blobs(digests),
    allBlobs: () => session.allBlobs(),
    references: () => session.references(),
    reference: (name) => session.reference(name),
    pins: () => session.pins(),
    archives: () => session.archives(),
    unfinishedRemovals: () => session.unfinishedRemovals(),
    flushes: () => session.flushes(),
    read: (position) => readLog(root, position, (work) => work(session)),
  }
}

async function doing<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw error instanceof HearthError ? error : storeFailure(error, what)
  }
}

function refused(): HearthError {
  return new HearthError('STORE_READ_ONLY', 'this process may not write to the cache')
}

function closedError(): HearthError {
  return new HearthError('ABORTED', 'the log was closed')
}
