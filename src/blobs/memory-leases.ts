import type { Digest } from '../oci/digest.js'
import type { Leases } from './blob-store.js'

/** Adapter: the leases of one process. */
export class MemoryLeases implements Leases {
  readonly #digests = new Set<Digest>()

  async lease(digests: Iterable<Digest>): Promise<void> {
    for (const digest of digests) this.#digests.add(digest)
  }

  async leased(): Promise<ReadonlySet<Digest>> {
    return new Set(this.#digests)
  }

  async release(): Promise<void> {
    this.#digests.clear()
  }
}
