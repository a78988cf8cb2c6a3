import { execFile, spawn } from 'node:child_process'
import { promisify } from 'node:util'
import { TAR_TYPES } from '../../src/exchange/tar-header.js'
import { entriesOf, type ReadEntry } from './flattened.js'

/** All of them, not only the user's. */
const XATTRS = ['--xattrs', '--xattrs-include=*']
const PAX = ['--format=pax', '--numeric-owner', '--pax-option=delete=atime,delete=ctime']

/** What GNU tar finds in a folder. */
export async function archived(folder: string): Promise<Buffer> {
  const args = [...XATTRS, ...PAX, '-C', folder, '-cf', '-', '.']
  const { stdout } = await promisify(execFile)('tar', args, { encoding: 'buffer', maxBuffer: 2 ** 30 })
  return stdout
}

/** Unpacks an archive into a folder, with owners, modes, times and extended attributes. */
export async function extract(tar: Uint8Array, folder: string): Promise<void> {
  const child = spawn('tar', [...XATTRS, '-p', '--numeric-owner', '--same-owner', '-C', folder, '-xf', '-'])
  const messages: Buffer[] = []
  child.stderr.on('data', (chunk: Buffer) => messages.push(chunk))
  // It stops reading when it has failed: its messages say why.
  child.stdin.on('error', () => {})
  child.stdin.end(tar)
  const code = await new Promise((resolve) => child.on('close', resolve))
  if (code !== 0) throw new Error(`tar: ${code}: ${Buffer.concat(messages)}`)
}

/** All that can be told about a name in a file system, but the order of names. */
export interface FileFacts {
  readonly type: string
  readonly mode: number
  readonly owner: string
  readonly mtime: string
  readonly content: string
  /** Of a symlink: its text. Of a device: its numbers. */
  readonly target: string
  /** All names of the same file. */
  readonly sameAs: readonly string[]
  readonly xattrs: Readonly<Record<string, string>>
}

/** The facts of an archive's files, by path from the root; that of the root itself is empty. */
export async function factsOf(tar: Uint8Array): Promise<Map<string, FileFacts>> {
  const facts = new Map<string, FileFacts>()
  const groups = new Map<string, string[]>()
  for (const entry of await entriesOf(tar)) {
    const path = plain(entry.header.name)
    if (entry.header.type !== TAR_TYPES.link) {
      const names = [path]
      groups.set(path, names)
      facts.set(path, factsOfEntry(entry, names))
      continue
    }
    const names = groups.get(plain(entry.header.linkName))
    const first = names?.[0] !== undefined ? facts.get(names[0]) : undefined
    if (names === undefined || first === undefined) throw new Error(`${path} links to what did not come before`)
    names.push(path)
    names.sort()
    groups.set(path, names)
    facts.set(path, first)
  }
  return new Map([...facts].sort(([a], [b]) => (a < b ? -1 : 1)))
}

function factsOfEntry({ header, content }: ReadEntry, sameAs: readonly string[]): FileFacts {
  const { type, mode, uid, gid, linkName, deviceMajor, deviceMinor, pax } = header
  const isDevice = type === TAR_TYPES.characterDevice || type === TAR_TYPES.blockDevice
  const xattrs = [...pax].filter(([key]) => key.startsWith('SCHILY.xattr.')).sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    type,
    // A symlink has none of its own.
    mode: type === TAR_TYPES.symlink ? 0o777 : mode,
    owner: `${uid}:${gid}`,
    mtime: (pax.get('mtime') ?? `${header.mtime}`).replace(/(\.\d*?)0*$/, '$1').replace(/\.$/, ''),
    content: content.toString('latin1'),
    target: isDevice ? `${deviceMajor},${deviceMinor}` : linkName,
    sameAs,
    xattrs: Object.fromEntries(xattrs),
  }
}

function plain(path: string): string {
  return path
    .replace(/^(?:\.?\/+)+/, '')
    .replace(/\/+$/, '')
    .replace(/^\.$/, '')
}
