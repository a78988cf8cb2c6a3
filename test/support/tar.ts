/** One regular file of a layer. */
export interface TarFile {
  readonly path: string
  readonly bytes: Uint8Array
}

const BLOCK = 512
/** What eleven octal digits can say; above, the size is written in base 256, as GNU tar does. */
const LARGEST_OCTAL = 0o77777777777

/** A ustar archive of regular files, the same bytes for the same files: no clock, no owner but root. */
export function tarOf(files: readonly TarFile[]): Uint8Array {
  const parts = files.flatMap(({ path, bytes }) => [tarHeader(path, bytes.length), bytes, tarPadding(bytes.length)])
  return Buffer.concat([...parts, TAR_END])
}

/** Two empty blocks. */
export const TAR_END: Uint8Array = Buffer.alloc(2 * BLOCK)

/** The block before a regular file of `size` bytes. `path` is at most 100 ASCII characters. */
export function tarHeader(path: string, size: number): Uint8Array {
  if (path.length > 100) throw new TypeError('ustar without a prefix holds 100 characters')
  const header = Buffer.alloc(BLOCK)
  header.write(path, 0, 'ascii')
  header.write('0000644\0', 100, 'ascii') // mode
  header.write('0000000\0', 108, 'ascii') // owner
  header.write('0000000\0', 116, 'ascii') // group
  writeSize(header, size)
  header.write('00000000000\0', 136, 'ascii') // modification time
  header.write('        ', 148, 'ascii') // the checksum counts its own field as blanks
  header.write('0', 156, 'ascii') // regular file
  header.write('ustar\x0000', 257, 'ascii')
  const checksum = header.reduce((sum, byte) => sum + byte, 0)
  header.write(`${checksum.toString(8).padStart(6, '0')}\0 `, 148, 'ascii')
  return header
}

/** Zeros from the end of a file of `size` bytes to the next block. */
export function tarPadding(size: number): Uint8Array {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK)
}

function writeSize(header: Buffer, size: number): void {
  if (size <= LARGEST_OCTAL) {
    header.write(`${size.toString(8).padStart(11, '0')}\0`, 124, 'ascii')
    return
  }
  header[124] = 0x80
  header.writeBigUInt64BE(BigInt(size), 128)
}
