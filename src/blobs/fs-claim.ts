import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { HearthError } from '../errors.js'
import { LockTable } from '../lock/fs-lock-table.js'
import { type Digest, encodedOf } from '../oci/digest.js'
import { CLAIMS_FILE, HEARTH_FOLDER } from '../oci/image-layout.js'
import type { Claim, ClaimOptions, Claims } from './blob-store.js'
import { KnownFolder, PRIVATE } from './fs-folder.js'
import { HolderWatch, type WatchLimits } from './fs-holder-watch.js'

// A download takes long: looking for its end must not cost CPU, and many waiters must not look in step.
const MIN_DELAY_MS = 20
const MAX_DELAY_MS = 150

export interface FsClaimsOptions {
  /** How long a holder may be stopped (SIGSTOP, a debugger) before it is given up. Default: a minute. */
  readonly lockTimeoutMs?: number
  /** How long one may get nowhere. Default: ten minutes. */
  readonly stalledTimeoutMs?: number
}

const LOCK_TIMEOUT_MS = 60_000
/** Longer than a download that a server keeps waiting goes without a byte: it would have failed by itself by then. */
const STALLED_TIMEOUT_MS = 600_000

/** Adapter: one OFD lock per digest in flight, which the kernel frees when its holder dies. */
export class FsClaims implements Claims {
  readonly #root: string
  readonly #folder: KnownFolder
  readonly #locks: LockTable
  readonly #limits: WatchLimits

  /** @param root the cache's folder. */
  constructor(root: string, options: FsClaimsOptions = {}) {
    const { lockTimeoutMs = LOCK_TIMEOUT_MS, stalledTimeoutMs = STALLED_TIMEOUT_MS } = options
    this.#root = resolve(root)
    this.#limits = { stoppedMs: lockTimeoutMs, stalledMs: Math.max(stalledTimeoutMs, lockTimeoutMs) }
    this.#folder = new KnownFolder(join(this.#root, HEARTH_FOLDER), PRIVATE)
    this.#locks = new LockTable(join(this.#root, CLAIMS_FILE))
  }

  /** The claim, or undefined when someone has it. */
  async tryClaim(digest: Digest): Promise<Claim | undefined> {
    await this.#folder.ensure()
    const lock = await this.#locks.tryLock(placeOf(digest))
    return lock && { waited: false, release: lock.release }
  }

  async claim(digest: Digest, options: ClaimOptions = {}): Promise<Claim> {
    let watch: HolderWatch | undefined
    for (;;) {
      throwIfAborted(digest, options.signal)
      const claim = await this.tryClaim(digest)
      if (claim !== undefined) return { ...claim, waited: watch !== undefined }
      if (watch === undefined) {
        watch = new HolderWatch(this.#root, digest, this.#limits)
        options.onWait?.(this.#locks.holder(placeOf(digest)))
      }
      await watch.look(this.#locks.holder(placeOf(digest)))
      await pause(digest, options.signal)
    }
  }
}

/** Two digests that begin with the same 52 bits wait for each other, which harms nobody. */
function placeOf(digest: Digest): number {
  return Number.parseInt(encodedOf(digest).slice(0, 13), 16)
}

async function pause(digest: Digest, signal: AbortSignal | undefined): Promise<void> {
  const delay = MIN_DELAY_MS + Math.random() * (MAX_DELAY_MS - MIN_DELAY_MS)
  try {
    await sleep(delay, undefined, { ...(signal && { signal }) })
  } catch (error) {
    throwIfAborted(digest, signal, error)
    throw error
  }
}

function throwIfAborted(digest: Digest, signal: AbortSignal | undefined, cause?: unknown): void {
  if (!signal?.aborted) return
  throw new HearthError('ABORTED', 'stopped while another process fetches the blob', { digest }, cause)
}
