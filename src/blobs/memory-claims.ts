import { HearthError } from '../errors.js'
import type { Digest } from '../oci/digest.js'
import type { Claim, ClaimOptions, Claims } from './blob-store.js'

interface Holder {
  readonly done: Promise<void>
  readonly end: () => void
}

/** Adapter: claims among the parts of one process. */
export class MemoryClaims implements Claims {
  readonly #holders = new Map<Digest, Holder>()

  async claim(digest: Digest, { signal, onWait }: ClaimOptions = {}): Promise<Claim> {
    for (let waited = false; ; waited = true) {
      if (signal?.aborted) throw aborted(digest)
      const holder = this.#holders.get(digest)
      if (holder === undefined) return this.#take(digest, waited)
      if (!waited) onWait?.({})
      await untilAborted(holder.done, signal)
    }
  }

  #take(digest: Digest, waited: boolean): Claim {
    const holder = newHolder()
    this.#holders.set(digest, holder)
    return {
      waited,
      release: async () => {
        if (this.#holders.get(digest) === holder) this.#holders.delete(digest)
        holder.end()
      },
    }
  }
}

function newHolder(): Holder {
  let end = () => {}
  const done = new Promise<void>((resolve) => {
    end = resolve
  })
  return { done, end }
}

/** Resolves with the promise or with the signal, whichever comes first. */
async function untilAborted(done: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return await done
  // Listeners do not hear of what is past: `onWait` itself may have aborted.
  if (signal.aborted) return
  let stop = () => {}
  const stopped = new Promise<void>((resolve) => {
    stop = resolve
  })
  signal.addEventListener('abort', stop, { once: true })
  try {
    await Promise.race([done, stopped])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

function aborted(digest: Digest): HearthError {
  return new HearthError('ABORTED', 'stopped while the blob is fetched elsewhere', { digest })
}
