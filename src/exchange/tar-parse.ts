import { archiveInvalid } from './archive-error.js'
import { byteString, checksumOf, isHeaderOnly, PAX_SPARSE_MAP, TAR_TYPES, type TarHeader } from './tar-header.js'

const NONE: ReadonlyMap<string, string> = new Map()

/**
 * Pure. One header block: ustar, GNU's, or that of the seventh Unix.
 * @throws HearthError ARCHIVE_INVALID when the checksum is wrong, or a number is none or beyond what can be counted.
 */
export function parseTarHeader(block: Uint8Array): TarHeader {
  checkSum(block)
  const name = textOf(block, 0, 100)
  const type = byteString(block.subarray(156, 157)).replace('\0', TAR_TYPES.file)
  // Only POSIX has a prefix there; GNU keeps times in the same place.
  const prefix = byteString(block.subarray(257, 263)) === 'ustar\0' ? textOf(block, 345, 155) : ''
  const size = countOf(block, 124, 12, 'size')
  return {
    // The seventh Unix had no folders but files with a slash at the end.
    type: type === TAR_TYPES.file && name.endsWith('/') ? TAR_TYPES.folder : type,
    name: prefix === '' ? name : `${prefix}/${name}`,
    linkName: textOf(block, 157, 100),
    mode: countOf(block, 100, 8, 'mode'),
    uid: countOf(block, 108, 8, 'uid'),
    gid: countOf(block, 116, 8, 'gid'),
    userName: textOf(block, 265, 32),
    groupName: textOf(block, 297, 32),
    size: isHeaderOnly(type) ? 0 : size,
    mtime: parseTarNumber(block, 136, 12, 'mtime'),
    deviceMajor: countOf(block, 329, 8, 'devmajor'),
    deviceMinor: countOf(block, 337, 8, 'devminor'),
    pax: NONE,
  }
}

/**
 * Pure. The records of an extended header, in order; a later one replaces an earlier one of the same name.
 *
 *     record ::= length " " keyword "=" value "\n"        length counts the whole record
 *
 * @throws HearthError ARCHIVE_INVALID
 */
export function parsePax(bytes: Uint8Array): Map<string, string> {
  const records = new Map<string, string>()
  for (let at = 0; at < bytes.length; ) {
    const blank = bytes.indexOf(0x20, at)
    const digits = byteString(bytes.subarray(at, Math.max(blank, at)))
    const end = at + Number(digits)
    if (!/^[1-9]\d{0,8}$/.test(digits) || end > bytes.length || bytes[end - 1] !== 0x0a) throw invalidPax()
    const record = byteString(bytes.subarray(blank + 1, end - 1))
    const equals = record.indexOf('=')
    if (equals < 1) throw invalidPax()
    addRecord(records, record.slice(0, equals), record.slice(equals + 1))
    at = end
  }
  return records
}

/** The oldest form of GNU's sparse files repeats two records for each piece; the next one joined them to a list. */
function addRecord(records: Map<string, string>, key: string, value: string): void {
  const isPiece = key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes'
  const pieces = isPiece ? records.get(PAX_SPARSE_MAP) : undefined
  records.set(isPiece ? PAX_SPARSE_MAP : key, pieces === undefined ? value : `${pieces},${value}`)
}

/**
 * Pure. A header as its extended header corrects it.
 * @throws HearthError ARCHIVE_INVALID for a number that is none.
 */
export function applyPax(header: TarHeader, records: ReadonlyMap<string, string>): TarHeader {
  const text = (key: string, field: string): string => records.get(key) || field
  const count = (key: string, field: number): number => {
    const value = records.get(key)
    if (!value) return field
    if (/^\d{1,16}$/.test(value) && Number.isSafeInteger(Number(value))) return Number(value)
    throw archiveInvalid(`an extended header has a ${key} that is no number`)
  }
  const name = text('path', header.name)
  const isFolder = header.type === TAR_TYPES.file && name.endsWith('/')
  return {
    ...header,
    ...(isFolder && { type: TAR_TYPES.folder }),
    name,
    linkName: text('linkpath', header.linkName),
    size: isHeaderOnly(header.type) ? 0 : count('size', header.size),
    uid: count('uid', header.uid),
    gid: count('gid', header.gid),
    userName: text('uname', header.userName),
    groupName: text('gname', header.groupName),
    mtime: mtimeOf(records.get('mtime'), header.mtime),
  }
}

function mtimeOf(record: string | undefined, field: number): number {
  if (!record) return field
  if (!/^-?\d{1,15}(?:\.\d*)?$/.test(record)) throw archiveInvalid('an extended header has an mtime that is no number')
  return Math.floor(Number(record))
}

function checkSum(block: Uint8Array): void {
  const { unsigned, signed } = checksumOf(block)
  // Anything but a number is as wrong as a wrong one: most of what is no archive fails here.
  const written = octalOf(byteString(block.subarray(148, 156)))
  if (written !== unsigned && written !== signed) throw archiveInvalid('this is no tar archive, or a damaged one')
}

/** Up to the first NUL. */
function textOf(block: Uint8Array, from: number, length: number): string {
  const field = block.subarray(from, from + length)
  const end = field.indexOf(0)
  return byteString(end === -1 ? field : field.subarray(0, end))
}

function countOf(block: Uint8Array, from: number, length: number, what: string): number {
  const number = parseTarNumber(block, from, length, what)
  if (number < 0) throw archiveInvalid(`a header has a negative ${what}`)
  return number
}

/** Octal digits, or, when the first bit is set, a number in base 256: GNU's way beyond eleven digits. */
export function parseTarNumber(block: Uint8Array, from: number, length: number, what: string): number {
  const field = block.subarray(from, from + length)
  const number = ((field[0] ?? 0) & 0x80) === 0 ? octalOf(byteString(field)) : Number(base256Of(field))
  if (Number.isSafeInteger(number)) return number
  throw archiveInvalid(`a header has a ${what} that is no number, or too large a one`)
}

function octalOf(text: string): number {
  const [, digits] = /^ *([0-7]*)[ \0]*$/.exec(text.replace(/\0.*$/s, '')) ?? []
  return digits === undefined ? Number.NaN : Number.parseInt(digits || '0', 8)
}

function base256Of(field: Uint8Array): bigint {
  let value = 0n
  for (const byte of field) value = (value << 8n) | BigInt(byte)
  // Two's complement of all bits but the first, which only marks the form.
  return BigInt.asIntN(field.length * 8 - 1, value)
}

function invalidPax(): Error {
  return archiveInvalid('an extended header is damaged')
}
