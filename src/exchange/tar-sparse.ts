import { archiveInvalid } from './archive-error.js'
import { ByteReader, type Bytes } from './bytes.js'
import { BLOCK, byteString, PAX_SPARSE_MAP, type TarHeader } from './tar-header.js'
import { parseTarNumber } from './tar-parse.js'

/** A part of the file that is stored; zeros lie between. */
interface Piece {
  readonly offset: number
  readonly length: number
}

const MAX_MAP_BYTES = 1024 * 1024
const ZEROS = new Uint8Array(64 * 1024)
/** In GNU's old header: 4 pieces, and the whole size behind them; in each further block 21 pieces. */
const [PIECES_AT, SIZE_AT, PIECE_BYTES] = [386, 483, 24]

/** Whether the entry's content lacks its zeros: GNU tar's old header, or one of three forms of records. */
export function isSparse({ sparse, pax }: TarHeader): boolean {
  return sparse !== undefined || pax.has(PAX_SPARSE_MAP) || isMapInContent(pax)
}

/**
 * Pure. A sparse file's header, as that of a plain file: with its own name, and its size as it is read.
 * @throws HearthError ARCHIVE_INVALID
 */
export function plainHeader({ sparse, ...header }: TarHeader): TarHeader {
  const { pax } = header
  const others = new Map([...pax].filter(([key]) => !key.startsWith('GNU.sparse.')))
  if (sparse !== undefined) return { ...header, size: wholeSizeOf(sparse), pax: others }
  const size = numberIn(pax.get('GNU.sparse.size') ?? pax.get('GNU.sparse.realsize') ?? '')
  return { ...header, name: pax.get('GNU.sparse.name') ?? header.name, size, pax: others }
}

/**
 * The whole content of a sparse file, with its zeros.
 * @throws HearthError ARCHIVE_INVALID when the map of its pieces makes no sense, or fits not to the content.
 */
export async function* expandSparse(header: TarHeader, content: Bytes): Bytes {
  const reader = new ByteReader(content)
  const { size } = plainHeader(header)
  let at = 0
  for (const { offset, length } of await mapOf(header, reader)) {
    if (offset < at || offset + length > size) throw invalidMap()
    yield* zeros(offset - at)
    for (let left = length; left > 0; ) {
      const piece = await reader.some(left)
      if (piece === undefined) throw invalidMap()
      left -= piece.length
      yield piece
    }
    at = offset + length
  }
  if ((await reader.some(1)) !== undefined) throw invalidMap()
  yield* zeros(size - at)
}

async function mapOf({ sparse, pax }: TarHeader, reader: ByteReader): Promise<readonly Piece[]> {
  if (sparse !== undefined) return sparse.flatMap((block, at) => piecesIn(block, at === 0 ? PIECES_AT : 0))
  if (isMapInContent(pax)) return await readMap(reader)
  return pairs((pax.get(PAX_SPARSE_MAP) ?? '').split(',').map(numberIn))
}

function isMapInContent(pax: TarHeader['pax']): boolean {
  return pax.get('GNU.sparse.major') === '1' && pax.get('GNU.sparse.minor') === '0'
}

function piecesIn(block: Uint8Array, from: number): Piece[] {
  const pieces: Piece[] = []
  const end = from + (from === 0 ? 21 : 4) * PIECE_BYTES
  // An empty field ends the list.
  for (let at = from; at < end && block[at] !== 0; at += PIECE_BYTES) {
    const [offset, length] = [parseTarNumber(block, at, 12, 'offset'), parseTarNumber(block, at + 12, 12, 'length')]
    if (offset < 0 || length < 0) throw invalidMap()
    pieces.push({ offset, length })
  }
  return pieces
}

function wholeSizeOf([block]: readonly Uint8Array[]): number {
  const size = block === undefined ? -1 : parseTarNumber(block, SIZE_AT, 12, 'size')
  if (size < 0) throw invalidMap()
  return size
}

/** Lines of decimal numbers, how many pieces there are first; filled up to a block. */
async function readMap(reader: ByteReader): Promise<readonly Piece[]> {
  let text = ''
  const numbers: number[] = []
  for (let bytes = 0; numbers.length === 0 || numbers.length < 1 + 2 * (numbers[0] ?? 0); ) {
    const line = text.indexOf('\n')
    if (line !== -1) {
      numbers.push(numberIn(text.slice(0, line)))
      text = text.slice(line + 1)
      continue
    }
    const block = await reader.exactly(BLOCK)
    bytes += BLOCK
    if (block.length < BLOCK || bytes > MAX_MAP_BYTES) throw invalidMap()
    text += byteString(block)
  }
  return pairs(numbers.slice(1))
}

function pairs(numbers: readonly number[]): readonly Piece[] {
  if (numbers.length % 2 !== 0) throw invalidMap()
  const pieces: Piece[] = []
  for (let at = 0; at < numbers.length; at += 2) {
    pieces.push({ offset: numbers[at] ?? 0, length: numbers[at + 1] ?? 0 })
  }
  return pieces
}

function* zeros(length: number): Generator<Uint8Array> {
  for (let left = length; left > 0; left -= ZEROS.length) yield ZEROS.subarray(0, left)
}

function numberIn(text: string): number {
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(number)) throw invalidMap()
  return number
}

function invalidMap(): Error {
  return archiveInvalid('the map of a sparse file makes no sense')
}
