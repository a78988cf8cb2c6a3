/**
 * How LevelDB's write-ahead log lies on the disk, for reading it without LevelDB. Blocks of 32 KiB; in them pieces of records,
 * each with a header: its masked CRC-32C, its length, and whether it is a whole record or its first, middle or last piece.
 * A record is one batch: a sequence number, a count, then the operations.
 */
import type { Operation } from './level-batch.js'

const BLOCK = 32_768
const HEADER = 7
const BATCH_HEADER = 12
const [FULL, FIRST, LAST] = [1, 2, 4]
const [DELETION, VALUE] = [0, 1]

/** Pure: every operation in order, up to the first piece that is torn or damaged. */
export function decodeWriteAheadLog(log: Buffer): Operation[] {
  const operations: Operation[] = []
  let pieces: Buffer[] = []
  for (const { type, data } of piecesOf(log)) {
    if (type === FULL || type === FIRST) pieces = []
    pieces.push(data)
    if (type !== FULL && type !== LAST) continue
    // One by one: a call takes some 120,000 arguments, and a batch may be larger.
    for (const operation of decodeBatch(Buffer.concat(pieces))) operations.push(operation)
  }
  return operations
}

function* piecesOf(log: Buffer): Generator<{ readonly type: number; readonly data: Buffer }> {
  for (let at = 0; at + HEADER <= log.length; ) {
    const left = BLOCK - (at % BLOCK)
    if (left < HEADER) {
      at += left // filled up with zeros
      continue
    }
    const end = at + HEADER + log.readUInt16LE(at + 4)
    if (end > log.length || unmasked(log.readUInt32LE(at)) !== crc32c(log.subarray(at + 6, end))) return
    yield { type: log.readUInt8(at + 6), data: log.subarray(at + HEADER, end) }
    at = end
  }
}

function decodeBatch(batch: Buffer): Operation[] {
  const operations: Operation[] = []
  let at = BATCH_HEADER
  const text = (): string => {
    let [length, shift] = [0, 0]
    for (let byte = 0x80; byte >= 0x80; shift += 7) {
      byte = batch.readUInt8(at++)
      length |= (byte & 0x7f) << shift
    }
    at += length
    return batch.toString('utf8', at - length, at)
  }
  while (at < batch.length) {
    const type = batch.readUInt8(at++)
    if (type === VALUE) operations.push({ type: 'put', key: text(), value: text() })
    else if (type === DELETION) operations.push({ type: 'del', key: text() })
    else throw new TypeError(`no operation of a write-ahead log: ${type}`)
  }
  return operations
}

/** LevelDB stores checksums of data that holds checksums: it rotates them and adds a constant. */
function unmasked(stored: number): number {
  const rotated = (stored - 0xa282ead8) >>> 0
  return ((rotated >>> 17) | (rotated << 15)) >>> 0
}

// Castagnoli's polynomial, reversed; node:zlib has the other one.
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc
})

function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) crc = (crc >>> 8) ^ (TABLE[(crc ^ byte) & 0xff] ?? 0)
  return (crc ^ 0xffffffff) >>> 0
}
