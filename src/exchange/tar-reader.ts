import { archiveInvalid } from './archive-error.js'
import { ByteReader, type Bytes } from './bytes.js'
import { BLOCK, byteString, PAX_FIELDS, paddingOf, TAR_TYPES, type TarHeader } from './tar-header.js'
import { applyPax, parsePax, parseTarHeader } from './tar-parse.js'

export interface TarLimits {
  /** Entries of the archive. */
  readonly maxEntries: number
  /** Bytes of one extended header or long name: it is kept in memory. */
  readonly maxExtensionBytes: number
}

/** RELIABILITY 7.3, A6: beyond these it is no archive but an attack. */
export const TAR_LIMITS: TarLimits = Object.freeze({ maxEntries: 10_000_000, maxExtensionBytes: 1024 * 1024 })

export interface TarEntry {
  readonly header: TarHeader
  /** The file's bytes, to be read before the next entry is asked for; what is left of them then is skipped. */
  readonly content: Bytes
}

/** Blocks of a sparse file's map, 21 extents each. */
const MAX_SPARSE_BLOCKS = 4096

/**
 * The entries of a tar archive as they come: ustar, pax and GNU's extensions are understood and applied. After the last entry
 * the rest of the source is read to its end, so that whoever hashes it sees all of it.
 * @throws HearthError ARCHIVE_INVALID when the archive is damaged, cut off, or beyond the limits.
 */
export async function* readTar(source: Bytes, limits: TarLimits = TAR_LIMITS): AsyncGenerator<TarEntry, void> {
  const reader = new ByteReader(source)
  const headers = new HeaderReader(reader, limits)
  try {
    for (let entries = 0; ; entries++) {
      const header = await headers.next()
      if (header === undefined) break
      if (entries === limits.maxEntries) throw archiveInvalid(`the archive has more than ${limits.maxEntries} entries`)
      const content = new Content(reader, header.size)
      yield { header, content }
      await content.skip()
    }
    for await (const _ of reader.rest());
  } finally {
    await reader.close()
  }
}

class Content implements Bytes {
  readonly #reader: ByteReader
  readonly #padding: number
  #left: number

  constructor(reader: ByteReader, size: number) {
    this.#reader = reader
    this.#left = size
    this.#padding = paddingOf(size)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    while (this.#left > 0) {
      const piece = await this.#reader.some(this.#left)
      if (piece === undefined) throw cutOff()
      this.#left -= piece.length
      yield piece
    }
  }

  /** What is left of the content has to be there, but not the padding: `umoci insert` ends its layers without it. */
  async skip(): Promise<void> {
    const left = this.#left
    this.#left = 0
    if ((await this.#reader.skip(left)) !== left) throw cutOff()
    await this.#reader.skip(this.#padding)
  }
}

/** What the extensions before a header said about it. */
interface Extensions {
  readonly pax: ReadonlyMap<string, string>
  readonly name?: string
  readonly linkName?: string
}

class HeaderReader {
  readonly #reader: ByteReader
  readonly #limits: TarLimits
  /** Records of global extended headers: they hold for all that follows. */
  readonly #global = new Map<string, string>()

  constructor(reader: ByteReader, limits: TarLimits) {
    this.#reader = reader
    this.#limits = limits
  }

  /** Undefined at the archive's end: an empty block, or no block at all. */
  async next(): Promise<TarHeader | undefined> {
    let extensions: Extensions = { pax: new Map() }
    let extended = false
    for (;;) {
      const block = await this.#block()
      if (block === undefined) {
        if (extended) throw cutOff()
        return undefined
      }
      const header = parseTarHeader(block)
      const more = await this.#extend(header, extensions)
      if (more === undefined) return this.#apply(header, extensions, await this.#sparse(header, block))
      extensions = more
      extended = true
    }
  }

  /** Undefined when the header is no extension but the entry itself. */
  async #extend(header: TarHeader, known: Extensions): Promise<Extensions | undefined> {
    switch (header.type) {
      case TAR_TYPES.pax:
        return { ...known, pax: new Map([...known.pax, ...parsePax(await this.#extension(header))]) }
      case TAR_TYPES.paxGlobal:
        this.#addGlobal(parsePax(await this.#extension(header)))
        return known
      case TAR_TYPES.gnuLongName:
        return { ...known, name: untilNul(await this.#extension(header)) }
      case TAR_TYPES.gnuLongLink:
        return { ...known, linkName: untilNul(await this.#extension(header)) }
      default:
        return undefined
    }
  }

  #apply(header: TarHeader, { pax, name, linkName }: Extensions, sparse?: readonly Uint8Array[]): TarHeader {
    const long = { ...header, ...(name && { name }), ...(linkName && { linkName }) }
    const records = this.#global.size === 0 ? pax : new Map([...this.#global, ...pax])
    const applied = records.size === 0 ? long : applyPax(long, records)
    if (applied.name.includes('\0') || applied.linkName.includes('\0')) throw archiveInvalid('a name contains a NUL')
    const others = new Map([...records].filter(([key, value]) => !PAX_FIELDS.has(key) && value !== ''))
    return { ...applied, pax: others, ...(sparse && { sparse }) }
  }

  #addGlobal(records: ReadonlyMap<string, string>): void {
    for (const [key, value] of records) {
      // Readers differ in whether they take these: none of them means anything for all files of an archive.
      if (key === 'path' || key === 'linkpath' || key === 'size') {
        throw archiveInvalid(`a global extended header gives every file the same ${key}`)
      }
      this.#global.set(key, value)
    }
  }

  async #block(): Promise<Uint8Array | undefined> {
    const block = await this.#reader.exactly(BLOCK)
    if (block.length === 0 || (block.length === BLOCK && block.every((byte) => byte === 0))) return undefined
    if (block.length < BLOCK) throw cutOff()
    return block
  }

  async #extension({ size }: TarHeader): Promise<Uint8Array> {
    const { maxExtensionBytes } = this.#limits
    if (size > maxExtensionBytes) throw archiveInvalid(`an extended header has more than ${maxExtensionBytes} bytes`)
    const bytes = await this.#reader.exactly(size)
    const padding = paddingOf(size)
    if (bytes.length < size || (await this.#reader.skip(padding)) < padding) throw cutOff()
    return bytes
  }

  async #sparse({ type }: TarHeader, block: Uint8Array): Promise<readonly Uint8Array[] | undefined> {
    if (type !== TAR_TYPES.gnuSparse) return undefined
    const blocks = [block]
    // The byte that says whether another block of the map follows stands elsewhere in the first one.
    for (let more = block[482]; more === 1; more = blocks.at(-1)?.[504]) {
      if (blocks.length > MAX_SPARSE_BLOCKS) throw archiveInvalid('a sparse file has too many pieces')
      const next = await this.#reader.exactly(BLOCK)
      if (next.length < BLOCK) throw cutOff()
      blocks.push(next)
    }
    return blocks
  }
}

function untilNul(bytes: Uint8Array): string {
  return byteString(bytes).replace(/\0.*$/s, '')
}

function cutOff(): Error {
  return archiveInvalid('the archive is cut off')
}
