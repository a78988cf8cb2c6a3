/**
 * Writes a blob through FsIngest until it is killed, chunk after chunk: `forward` from the beginning, `backward` from the
 * end, with a checkpoint after every other chunk. Byte n of the blob is n modulo 251.
 */
import { FsIngest } from '../../src/blobs/fs-ingest.js'
import { parseDigest } from '../../src/oci/digest.js'

const [folder = '', digest, size, order] = process.argv.slice(2)
const CHUNK = 4096
const ingest = FsIngest.open(folder, { digest: parseDigest(digest), size: Number(size), boot: 'one' })
const count = Math.floor(Number(size) / CHUNK)
for (let n = 0; n < count; n++) {
  const offset = (order === 'forward' ? n : count - 1 - n) * CHUNK
  ingest.write(
    offset,
    Uint8Array.from({ length: CHUNK }, (_, at) => (offset + at) % 251),
  )
  if (n % 2 === 1) ingest.checkpoint()
  if (n === 32) process.send?.('under way')
}
setInterval(() => {}, 1000)
