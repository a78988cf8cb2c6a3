import { type ByteSink, type Bytes, bytesOf } from './bytes.js'
import { BLOCK, checksumOf, isHeaderOnly, PAX_FIELDS, paddingOf, TAR_TYPES, type TarHeader } from './tar-header.js'

/** What is not said is that of a plain file of root's, made in 1970: the same archive whenever and wherever it is made. */
export type TarHeaderInput = Partial<TarHeader> & Pick<TarHeader, 'name'>

const MAX_OCTAL_7 = 0o7777777
const MAX_OCTAL_11 = 0o77777777777
const ZEROS = Buffer.alloc(2 * BLOCK)

/**
 * Writes a tar archive: ustar, with an extended header before those files that ustar cannot describe. The same entries give
 * the same bytes.
 */
export class TarWriter {
  readonly #sink: ByteSink

  constructor(sink: ByteSink) {
    this.#sink = sink
  }

  /**
   * One entry. Its size is that of `content` when this is in memory, else `header.size`.
   * @throws TypeError when the content has another size than the header says.
   */
  async add(input: TarHeaderInput, content: Bytes | Uint8Array = new Uint8Array()): Promise<void> {
    const inMemory = content instanceof Uint8Array
    const header = { ...DEFAULTS, ...input, ...(inMemory && input.size === undefined && { size: content.length }) }
    const size = isHeaderOnly(header.type) ? 0 : header.size
    await this.#sink.write(encodeHeader({ ...header, size }))
    let written = 0
    for await (const chunk of inMemory ? bytesOf(content) : content) {
      written += chunk.length
      if (chunk.length > 0) await this.#sink.write(chunk)
    }
    if (written !== size) throw new TypeError(`${written} bytes for an entry of ${size}`)
    const padding = paddingOf(size)
    if (padding > 0) await this.#sink.write(ZEROS.subarray(0, padding))
  }

  /** Ends the archive: two empty blocks. */
  async finish(): Promise<void> {
    await this.#sink.write(ZEROS)
  }
}

const DEFAULTS: TarHeader = Object.freeze({
  type: TAR_TYPES.file,
  name: '',
  linkName: '',
  mode: 0o644,
  uid: 0,
  gid: 0,
  userName: '',
  groupName: '',
  size: 0,
  mtime: 0,
  deviceMajor: 0,
  deviceMinor: 0,
  pax: new Map(),
})

/** Pure. The blocks before an entry's content. */
export function encodeHeader(header: TarHeader): Uint8Array {
  const records = paxOf(header)
  const own = header.sparse === undefined ? encodeBlock(header) : Buffer.concat(header.sparse)
  if (records.size === 0) return own
  const body = encodePax(records)
  // Beside the file it speaks of, as GNU and Go name it; readers that know pax never look at this name.
  const name = `PaxHeaders.0/${header.name.split('/').filter(Boolean).at(-1) ?? ''}`.slice(0, 100)
  const block = encodeBlock({ ...DEFAULTS, name, type: TAR_TYPES.pax, size: body.length })
  return Buffer.concat([block, body, ZEROS.subarray(0, paddingOf(body.length)), own])
}

/** The given records, and those for the fields that ustar has no room for; sorted, to be the same each time. */
function paxOf(header: TarHeader): ReadonlyMap<string, string> {
  const records = new Map([...header.pax].filter(([key]) => !PAX_FIELDS.has(key)))
  const { name, linkName, size, uid, gid, userName, groupName, mtime } = header
  if (splitName(name) === undefined) records.set('path', name)
  if (linkName.length > 100) records.set('linkpath', linkName)
  if (size > MAX_OCTAL_11) records.set('size', `${size}`)
  if (uid > MAX_OCTAL_7) records.set('uid', `${uid}`)
  if (gid > MAX_OCTAL_7) records.set('gid', `${gid}`)
  if (userName.length > 32) records.set('uname', userName)
  if (groupName.length > 32) records.set('gname', groupName)
  if ((mtime < 0 || mtime > MAX_OCTAL_11) && !records.has('mtime')) records.set('mtime', `${mtime}`)
  return new Map([...records].sort(([a], [b]) => (a < b ? -1 : 1)))
}

function encodePax(records: ReadonlyMap<string, string>): Buffer {
  const lines = [...records].map(([key, value]) => {
    const rest = ` ${key}=${value}\n`
    let length = rest.length + `${rest.length}`.length
    // Its own digits count, and may become one more by that.
    if (rest.length + `${length}`.length !== length) length += 1
    return `${length}${rest}`
  })
  return Buffer.from(lines.join(''), 'latin1')
}

function encodeBlock(header: TarHeader): Buffer {
  const block = Buffer.alloc(BLOCK)
  const { prefix, name } = splitName(header.name) ?? { prefix: '', name: header.name }
  const put = (text: string, at: number, length: number): void => void block.write(text.slice(0, length), at, 'latin1')
  const octal = (number: number, at: number, digits: number): void => {
    // What does not fit stands in the extended header.
    const fits = number >= 0 && number < 8 ** digits
    put(`${(fits ? number : 0).toString(8).padStart(digits, '0')}\0`, at, digits + 1)
  }
  put(name, 0, 100)
  octal(header.mode & 0o7777777, 100, 7)
  octal(header.uid, 108, 7)
  octal(header.gid, 116, 7)
  octal(header.size, 124, 11)
  octal(header.mtime, 136, 11)
  put(header.type, 156, 1)
  put(header.linkName, 157, 100)
  put('ustar\x0000', 257, 8)
  put(header.userName, 265, 32)
  put(header.groupName, 297, 32)
  octal(header.deviceMajor, 329, 7)
  octal(header.deviceMinor, 337, 7)
  put(prefix, 345, 155)
  put(`${checksumOf(block).unsigned.toString(8).padStart(6, '0')}\0 `, 148, 8)
  return block
}

/** In ustar's two fields; undefined when it fits into neither one nor both. */
function splitName(name: string): { readonly prefix: string; readonly name: string } | undefined {
  if (name.length <= 100) return { prefix: '', name }
  // As much as possible before the slash, but something has to stand behind it.
  const slash = name.slice(0, 156).lastIndexOf('/', name.length - 2)
  const rest = name.slice(slash + 1)
  return slash < 1 || rest.length > 100 ? undefined : { prefix: name.slice(0, slash), name: rest }
}
