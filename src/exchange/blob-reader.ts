import type { BlobStore } from '../blobs/blob-store.js'
import { HearthError } from '../errors.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Bytes } from './bytes.js'
import type { BlobReader } from './exported-image.js'

/** The blobs of a store, each checked against the size that its manifest names too. Stops with the signal. */
export function blobReader(blobs: Pick<BlobStore, 'stream'>, signal?: AbortSignal): BlobReader {
  return {
    async *read({ digest, size }: Descriptor): Bytes {
      let actual = 0
      for await (const piece of blobs.stream(digest)) {
        if (signal?.aborted) throw new HearthError('ABORTED', 'stopped on request')
        actual += piece.length
        if (actual > size) break
        yield piece
      }
      if (actual === size) return
      const details = { digest, expected: size, actual }
      throw new HearthError('SIZE_MISMATCH', `${digest} has another size in the cache than its manifest says`, details)
    },
  }
}
