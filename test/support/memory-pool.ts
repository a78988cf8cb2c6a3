import type { BlobStore } from '../../src/blobs/blob-store.js'
import { HearthError } from '../../src/errors.js'
import type { Pool, PoolCallOptions } from '../../src/pool/pool.js'
import type { FetchBlobTask, FetchBlobValue, VerifyBlobTask, VerifyBlobValue } from '../../src/pool/tasks.js'
import type { MemoryRegistry } from '../../src/registry/memory-registry.js'

/** The pool of a pull in memory: what a MemoryRegistry serves is staged in the store, ready for commit. */
export class MemoryPool implements Pool {
  readonly #registry: MemoryRegistry
  readonly #store: Pick<BlobStore, 'read' | 'stage'>

  constructor(registry: MemoryRegistry, store: Pick<BlobStore, 'read' | 'stage'>) {
    this.#registry = registry
    this.#store = store
  }

  async fetchBlob(
    { digest, size, source }: Omit<FetchBlobTask, 'control'>,
    { signal, onBytes }: PoolCallOptions = {},
  ): Promise<FetchBlobValue> {
    const bytes = await this.#registry.readBlob(source, signal && { signal })
    if (bytes.length !== size) {
      throw new HearthError('SIZE_MISMATCH', `${digest} has another size`, { expected: size, actual: bytes.length })
    }
    await this.#store.stage(digest, bytes)
    onBytes?.(bytes.length)
    return { received: bytes.length, resumed: 0, restarted: false }
  }

  async verifyBlob({ digest }: Omit<VerifyBlobTask, 'control'>): Promise<VerifyBlobValue> {
    const bytes = await this.#store.read(digest, { maxBytes: Number.POSITIVE_INFINITY })
    return { size: bytes.length }
  }

  async close(): Promise<void> {}
}
