import type { BlobStore } from '../blobs/blob-store.js'
import { throwIfAborted } from '../inventory/lanes.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Bytes } from './bytes.js'
import type { BlobReader } from './exported-image.js'
import { wrongSize } from './wrong-size.js'

/** The blobs of a store, each checked against the size that its manifest names too. Stops with the signal. */
export function blobReader(blobs: Pick<BlobStore, 'stream'>, signal?: AbortSignal): BlobReader {
  return {
    async *read(descriptor: Descriptor): Bytes {
      const { digest, size } = descriptor
      let actual = 0
      for await (const piece of blobs.stream(digest)) {
        throwIfAborted(signal)
        actual += piece.length
        if (actual > size) break
        yield piece
      }
      if (actual !== size) throw wrongSize(descriptor, actual)
    },
  }
}
