import { type ByteSink, bytesOf, collectBytes } from '../../src/exchange/bytes.js'
import { readTar } from '../../src/exchange/tar-reader.js'

/** Keeps what is written. */
export function aSink(): ByteSink & { bytes(): Buffer } {
  const chunks: Uint8Array[] = []
  return { write: async (chunk) => void chunks.push(Buffer.from(chunk)), bytes: () => Buffer.concat(chunks) }
}

/** The regular files of a tar archive, in order. */
export async function filesIn(archive: Uint8Array): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>()
  for await (const { header, content } of readTar(bytesOf(archive))) {
    if (header.type !== '0') continue
    files.set(header.name, Buffer.from(await collectBytes(content, 2 ** 30, () => new Error('large'))))
  }
  return files
}
