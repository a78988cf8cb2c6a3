import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { HearthError } from '../errors.js'
import type { Digest } from '../oci/digest.js'
import { digestFileName, INGEST_FOLDER } from '../oci/image-layout.js'
import { statIngestData } from './fs-ingest-data.js'

export interface WatchLimits {
  /** How long the holder may be stopped. */
  readonly stoppedMs: number
  /** How long it may get nowhere, as far as its file tells. */
  readonly stalledMs: number
}

export interface Holder {
  readonly pid?: number
}

/** Looking costs two system calls: not at each turn of the wait. */
const LOOK_EVERY_MS = 500

/**
 * Looks whether the holder of a claim gets on with its download: another process, or bytes that come. A claim is never taken from
 * a process that lives: whoever is stopped goes on one day, and would write into the same file.
 */
export class HolderWatch {
  readonly #ingest: string
  readonly #digest: Digest
  readonly #limits: WatchLimits
  #seen = ''
  #since = performance.now()
  #lookedAt = Number.NEGATIVE_INFINITY

  /** @param root the cache's folder. */
  constructor(root: string, digest: Digest, limits: WatchLimits) {
    this.#ingest = join(root, INGEST_FOLDER, digestFileName(digest))
    this.#digest = digest
    this.#limits = limits
  }

  /** @throws HearthError STORE_BUSY when it has got nowhere for too long. */
  async look({ pid }: Holder): Promise<void> {
    const now = performance.now()
    if (now - this.#lookedAt < Math.min(LOOK_EVERY_MS, this.#limits.stoppedMs)) return
    this.#lookedAt = now
    const seen = `${pid} ${this.#progress()}`
    if (seen !== this.#seen) {
      this.#seen = seen
      this.#since = now
      return
    }
    const waitedMs = now - this.#since
    if (waitedMs >= this.#limits.stalledMs) throw this.#busy(pid, this.#limits.stalledMs, 'has got nowhere')
    if (waitedMs < this.#limits.stoppedMs || pid === undefined || !(await isStopped(pid))) return
    throw this.#busy(pid, this.#limits.stoppedMs, 'is stopped, and has got nowhere')
  }

  #progress(): string {
    const { ino, size, mtimeMs } = statIngestData(this.#ingest) ?? {}
    return `${ino} ${size} ${mtimeMs}`
  }

  #busy(pid: number | undefined, timeoutMs: number, what: string): HearthError {
    const holder = pid === undefined ? 'another process' : `process ${pid}`
    const details = { digest: this.#digest, timeoutMs, ...(pid !== undefined && { pid }) }
    const message = `${holder}, which fetches ${this.#digest}, ${what} for ${timeoutMs} ms`
    return new HearthError('STORE_BUSY', message, details)
  }
}

/** By SIGSTOP, Ctrl-Z or a debugger. Where the system does not tell: no. */
async function isStopped(pid: number): Promise<boolean> {
  try {
    // The name in parentheses may hold anything, parentheses too.
    const state = /^.*\) (\S)/s.exec(await readFile(`/proc/${pid}/stat`, 'latin1'))?.[1]
    return state === 'T' || state === 't'
  } catch (error) {
    if (error instanceof Error && 'errno' in error) return false
    throw error
  }
}
