import type { DiskSpace } from '../blobs/disk-space.js'
import { HearthError } from '../errors.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'

/** Stays free for the log, index.json and manifests: RELIABILITY section 6, fault 29. */
const KEPT_FREE_BYTES = 64 * 1024 * 1024

/**
 * Whether what a job is about to fetch fits on the disk, told before it is fetched. Free space is measured once, before
 * the job's first blob is written; from then on only the job's own plans count, so that what it writes is not counted
 * twice. What others write meanwhile is not foreseen: a full disk then ends a download with NO_SPACE as well.
 */
export class SpaceBudget {
  readonly #disk: DiskSpace
  #free: Promise<number> | undefined
  readonly #reserved = new Set<Digest>()
  #reservedBytes = 0

  constructor(disk: DiskSpace) {
    this.#disk = disk
  }

  /**
   * Reserves room for blobs, each once over the whole job, all of them or none.
   * @throws HearthError NO_SPACE with `needed` and `free` bytes.
   */
  async reserve(blobs: readonly Descriptor[]): Promise<void> {
    this.#free ??= this.#disk.free()
    const remaining = blobs
      .filter(({ digest }) => !this.#reserved.has(digest))
      .map(async ({ digest, size }) => [digest, Math.max(0, size - (await this.#disk.partial(digest)))] as const)
    const [free, ...measured] = await Promise.all([this.#free, ...remaining])
    // Nothing is awaited from here on: what others reserved meanwhile counts, and nobody can come between.
    const fresh = new Map(measured.filter(([digest]) => !this.#reserved.has(digest)))
    const bytes = [...fresh.values()].reduce((sum, size) => sum + size, 0)
    const needed = this.#reservedBytes + bytes
    if (bytes > 0 && needed > free - KEPT_FREE_BYTES) throw noSpace(needed, free)
    for (const digest of fresh.keys()) this.#reserved.add(digest)
    this.#reservedBytes = needed
  }
}

function noSpace(needed: number, free: number): HearthError {
  const kept = KEPT_FREE_BYTES
  const message = `the images need ${needed} bytes, ${free} are free and ${kept} of them are kept so`
  return new HearthError('NO_SPACE', message, { needed, free, kept })
}
