import { statfs } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Digest } from '../oci/digest.js'
import { digestFileName, INGEST_FOLDER } from '../oci/image-layout.js'
import type { DiskSpace } from './disk-space.js'
import { guardedAsync, hasCode } from './fs-error.js'
import { statIngestData } from './fs-ingest-data.js'

/** The unit of `blocks`, whatever the file system's own is. */
const BLOCK_BYTES = 512

/** Adapter: the file system that holds the cache, or will. */
export class FsDiskSpace implements DiskSpace {
  readonly #root: string

  /** @param root the cache's folder; it need not be there yet. */
  constructor(root: string) {
    this.#root = resolve(root)
  }

  /** Without what the file system keeps for the superuser. */
  async free(): Promise<number> {
    for (let path = this.#root; ; path = dirname(path)) {
      try {
        const { bavail, bsize } = await statfs(path)
        return bavail * bsize
      } catch (error) {
        if (hasCode(error, 'ENOENT') && path !== dirname(path)) continue
        return guardedAsync({ step: 'read', path }, () => Promise.reject(error))
      }
    }
  }

  /** Holes count as free: extents of a split download are written out of order. */
  async partial(digest: Digest): Promise<number> {
    const path = join(this.#root, INGEST_FOLDER, digestFileName(digest))
    try {
      return (statIngestData(path)?.blocks ?? 0) * BLOCK_BYTES
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ENOTDIR')) return 0
      return guardedAsync({ step: 'read', path }, () => Promise.reject(error))
    }
  }
}
