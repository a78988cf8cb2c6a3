import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { HearthError } from '../errors.js'
import { type Lock, tryLock } from '../lock/fs-lock.js'
import type { Digest } from '../oci/digest.js'
import { CLAIMS_FOLDER, digestFileName } from '../oci/image-layout.js'
import type { Claim, Claims } from './blob-store.js'
import { guardedAsync } from './fs-error.js'
import { KnownFolder, PRIVATE } from './fs-folder.js'

// A download takes long: looking for its end must not cost CPU, and many waiters must not look in step.
const MIN_DELAY_MS = 20
const MAX_DELAY_MS = 150

type ClaimOptions = NonNullable<Parameters<Claims['claim']>[1]>

/** Adapter: one OFD lock per digest in flight, which the kernel frees when its holder dies. */
export class FsClaims implements Claims {
  readonly #folder: KnownFolder

  /** @param root the cache's folder. */
  constructor(root: string) {
    this.#folder = new KnownFolder(join(resolve(root), CLAIMS_FOLDER), PRIVATE)
  }

  /** The claim, or undefined when someone has it. */
  async tryClaim(digest: Digest): Promise<Claim | undefined> {
    await this.#folder.ensure()
    const path = join(this.#folder.path, digestFileName(digest))
    const lock = await tryLock(path)
    return lock && claimOf(path, lock)
  }

  async claim(digest: Digest, options: ClaimOptions = {}): Promise<Claim> {
    for (let waited = false; ; waited = true) {
      throwIfAborted(digest, options.signal)
      const claim = await this.tryClaim(digest)
      if (claim !== undefined) return { ...claim, waited }
      if (!waited) options.onWait?.()
      await pause(digest, options.signal)
    }
  }
}

function claimOf(path: string, lock: Lock): Claim {
  let released: Promise<void> | undefined
  return {
    waited: false,
    release: () => {
      released ??= remove(path, lock)
      return released
    },
  }
}

/** Removed while it is still locked: whoever locks the orphaned file after that sees that its name is gone, and retries. */
async function remove(path: string, lock: Lock): Promise<void> {
  try {
    await guardedAsync({ step: 'remove', path }, () => rm(path, { force: true }))
  } finally {
    await lock.release()
  }
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
