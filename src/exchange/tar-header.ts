/**
 * What stands before a file in a tar archive. Names, link names and pax values are byte strings, one character for each
 * byte: a layer's names need not be UTF-8, its extended attributes are binary, and either has to come out as it went in.
 */
export interface TarHeader {
  /** As the format has it; see {@link TAR_TYPES}. */
  readonly type: string
  readonly name: string
  /** Of a link: where it leads. */
  readonly linkName: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly userName: string
  readonly groupName: string
  /** Bytes of content that follow. */
  readonly size: number
  /** Whole seconds since 1970; the record `mtime` of `pax`, where there is one, says it more finely. */
  readonly mtime: number
  readonly deviceMajor: number
  readonly deviceMinor: number
  /** The extended header's records, without those that the other fields say already. */
  readonly pax: ReadonlyMap<string, string>
  /** Of GNU's old sparse files: the header's own block and the blocks of its map, written again as they came. */
  readonly sparse?: readonly Uint8Array[]
}

export const BLOCK = 512

export const TAR_TYPES = Object.freeze({
  file: '0',
  link: '1',
  symlink: '2',
  characterDevice: '3',
  blockDevice: '4',
  folder: '5',
  fifo: '6',
  contiguous: '7',
  gnuSparse: 'S',
  /** Extensions: they say something about the header after them. */
  pax: 'x',
  paxGlobal: 'g',
  gnuLongName: 'L',
  gnuLongLink: 'K',
})

/** What pax records say about a header's own fields. */
export const PAX_FIELDS: ReadonlySet<string> = new Set(['path', 'linkpath', 'size', 'uid', 'gid', 'uname', 'gname'])

/** Where a sparse file's pieces lie, in records. */
export const PAX_SPARSE_MAP = 'GNU.sparse.map'

/** Types after which no content follows, whatever size the header names. */
export function isHeaderOnly(type: string): boolean {
  return type >= TAR_TYPES.link && type <= TAR_TYPES.fifo
}

/** Zeros from the end of `size` bytes to the next block. */
export function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK
}

/** The sum of a header's bytes, its own field counted as blanks; signed as some old programs had it. */
export function checksumOf(block: Uint8Array): { readonly unsigned: number; readonly signed: number } {
  let [unsigned, signed] = [0, 0]
  for (let at = 0; at < BLOCK; at++) {
    const byte = at >= 148 && at < 156 ? 0x20 : (block[at] ?? 0)
    unsigned += byte
    signed += byte < 0x80 ? byte : byte - 0x100
  }
  return { unsigned, signed }
}

/** One character for each byte. */
export function byteString(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}
