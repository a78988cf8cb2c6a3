import { setTimeout as sleep } from 'node:timers/promises'
import { type LogLockOptions, lockLog } from './fs-log-lock.js'
import { keepReserve } from './fs-reserve.js'
import { JobQueue } from './job-queue.js'
import { LevelSession } from './level-session.js'
import type { Seen } from './level-tail.js'
import type { Stamp } from './record.js'

export interface KeeperOptions {
  readonly lockTimeoutMs: number
  readonly onWait?: LogLockOptions['onWait']
  readonly stamp: () => Stamp
}

// Opening and closing costs more than most work does. A session stays open while there is more to do, a little longer in
// case there will be, but never so long that another process notices; and then lets the others have a chance: they look
// at the lock every 20 ms or so.
const LINGER_MS = 20
const MAX_SESSION_MS = 200
const PAUSE_MS = 20

/** Opens the log of one cache for moments: takes the lock, runs what is waiting in this process, closes, lets go. */
export class LevelKeeper {
  readonly #root: string
  readonly #options: KeeperOptions
  readonly #queue = new JobQueue<LevelSession>()
  readonly #ending = new AbortController()
  /** What this process verified last: later sessions check only what came after it. */
  #seen: Seen | undefined
  #pumping: Promise<void> | undefined
  #reserved = false
  #wake: () => void = () => {}

  constructor(root: string, options: KeeperOptions) {
    this.#root = root
    this.#options = options
  }

  run<T>(work: (session: LevelSession) => Promise<T>, signals: readonly AbortSignal[]): Promise<T> {
    const done = this.#queue.add(work, signals)
    this.#wake()
    this.#pumping ??= this.#pump()
    return done
  }

  /** Ends the session that is open, if any, as soon as its running job is done. Assumes that no job is waiting. */
  async end(): Promise<void> {
    this.#ending.abort()
    this.#wake()
    await this.#pumping
  }

  async #pump(): Promise<void> {
    await Promise.resolve() // #pumping is assigned before the loop can end
    while (this.#queue.size > 0) {
      try {
        await this.#serve()
      } catch (error) {
        this.#queue.failAll(error)
      }
      if (this.#queue.size > 0) await sleep(PAUSE_MS * (0.5 + Math.random()))
    }
    this.#pumping = undefined
  }

  async #serve(): Promise<void> {
    const { lockTimeoutMs: timeoutMs, onWait } = this.#options
    const lock = await lockLog(this.#root, { timeoutMs, signal: this.#ending.signal, ...(onWait && { onWait }) })
    try {
      const session = await LevelSession.open({ root: this.#root, seen: this.#seen, stamp: this.#options.stamp })
      try {
        await this.#work(session)
      } finally {
        await session.close()
      }
      await this.#keepReserve()
    } finally {
      await lock.release()
    }
  }

  async #work(session: LevelSession): Promise<void> {
    const end = performance.now() + MAX_SESSION_MS
    do {
      this.#seen = session.seen
      const job = this.#queue.first()
      if (job === undefined) {
        // Nothing came, or the end did.
        if (!(await this.#linger(end))) return
      } else {
        await job.run(session)
        this.#seen = session.seen
      }
    } while (!session.failed && performance.now() < end)
  }

  /** Once is enough: a reserve that was used is laid in again by the next process. */
  async #keepReserve(): Promise<void> {
    if (this.#reserved) return
    this.#reserved = true
    await keepReserve(this.#root)
  }

  /** Waits a little for another job; false when none came. */
  async #linger(end: number): Promise<boolean> {
    if (this.#ending.signal.aborted) return false
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.min(LINGER_MS, end - performance.now()))
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = () => {}
    return this.#queue.size > 0
  }
}
