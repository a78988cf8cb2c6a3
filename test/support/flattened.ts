import { HearthError } from '../../src/errors.js'
import { bytesOf, collectBytes } from '../../src/exchange/bytes.js'
import { flatten } from '../../src/exchange/flatten.js'
import type { FlattenLimits } from '../../src/exchange/flatten-limits.js'
import type { LayerSource } from '../../src/exchange/layer-stream.js'
import type { TarHeader } from '../../src/exchange/tar-header.js'
import { readTar } from '../../src/exchange/tar-reader.js'
import { digestBytes } from '../../src/oci/hasher.js'
import { aSink } from './a-sink.js'
import type { Stack } from './layer-entries.js'

/** Blobs in memory, cut into chunks of `chunkBytes`; verified at their end, as those of a store are. */
export function sourceOf({ blobs }: Pick<Stack, 'blobs'>, chunkBytes = 64 * 1024): LayerSource {
  return {
    async *read({ digest }) {
      const bytes = blobs.get(digest)
      if (bytes === undefined) throw new HearthError('BLOB_UNKNOWN', `no blob ${digest}`, { digest })
      for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes)
      if ((await digestBytes(bytes)) !== digest) throw new HearthError('DIGEST_MISMATCH', `${digest} is damaged`)
    },
  }
}

/** The archive of the stack's file system. */
export async function flattened(stack: Stack, limits?: FlattenLimits): Promise<Buffer> {
  const sink = aSink()
  await flatten(stack.manifest, { source: sourceOf(stack), sink, ...(limits && { limits }) })
  return sink.bytes()
}

/** One entry of an archive, read. */
export interface ReadEntry {
  readonly header: TarHeader
  readonly content: Buffer
}

/** All of an archive that is small. */
export async function entriesOf(tar: Uint8Array): Promise<ReadEntry[]> {
  const entries: ReadEntry[] = []
  for await (const { header, content } of readTar(bytesOf(tar))) {
    entries.push({ header, content: Buffer.from(await collectBytes(content, 2 ** 28, () => new Error('large'))) })
  }
  return entries
}
