import type { Digest } from '../oci/digest.js'
import { type Leases, leasesEnded } from './blob-store.js'

/** Adapter: the leases of one process. */
export class MemoryLeases implements Leases {
  readonly #digests = new Set<Digest>()
  #isReleased = false

  async lease(digests: Iterable<Digest>): Promise<void> {
    if (this.#isReleased) throw leasesEnded()
    for (const digest of digests) this.#digests.add(digest)
  }

  async leased(): Promise<ReadonlySet<Digest>> {
    return new Set(this.#digests)
  }

  async release(): Promise<void> {
    this.#isReleased = true
    this.#digests.clear()
  }
}
