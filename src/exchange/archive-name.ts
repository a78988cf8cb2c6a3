import { type Digest, isDigest } from '../oci/digest.js'
import { quote } from '../oci/quote.js'
import { archiveInvalid } from './archive-error.js'

/** Files that say what an archive holds; each may be there once. */
export type ControlFile = 'oci-layout' | 'index.json' | 'manifest.json'
const CONTROL_FILES: readonly string[] = ['oci-layout', 'index.json', 'manifest.json'] satisfies ControlFile[]

/** What an entry may be for, told by its name alone: other names mean nothing. */
export type ArchiveName =
  | { readonly kind: 'control'; readonly name: ControlFile }
  | { readonly kind: 'blob'; readonly name: string; readonly digest: Digest }
  /** A layer or a config of a Docker archive, if its manifest.json says so. Bazel's have layers `blobs/sha256/….tar.gz`. */
  | { readonly kind: 'part'; readonly name: string }
  | { readonly kind: 'other'; readonly name: string }

const MAX_LENGTH = 1024
const BLOB = /^blobs\/([^/]+)\/([^/]+)$/
/** As Docker, skopeo, crane, Bazel, Nix and others call them. */
const PART = /(?:\.tar|\.tar\.gz|\.tgz|\.json)$|^sha256:[0-9a-f]{64}$|(?:^|\/)layer\.tar$/
/** Every old image has these for each layer, and nothing reads them. */
const LEGACY = /^[0-9a-f]{64}\/json$|(?:^|\/)VERSION$|^repositories$/

/**
 * Pure. What the entry of an archive is for. Nothing is ever written under such a name; one that is no plain relative path
 * was made to get somewhere, and the archive is refused.
 * @throws HearthError ARCHIVE_INVALID
 */
export function parseArchiveName(written: string): ArchiveName {
  const name = plainName(written)
  if (CONTROL_FILES.includes(name)) return { kind: 'control', name: name as ControlFile }
  const [, algorithm = '', encoded = ''] = BLOB.exec(name) ?? []
  const digest = `${algorithm}:${encoded}`
  // What is no digest is no blob, also below blobs/: tar on macOS puts a file `._…` beside each.
  if (isDigest(digest)) return { kind: 'blob', name, digest }
  return { kind: PART.test(name) && !LEGACY.test(name) ? 'part' : 'other', name }
}

/**
 * Pure. The name without `./` before it and `/` behind it: `.` for the archive's own root.
 * @throws HearthError ARCHIVE_INVALID
 */
export function plainName(written: string): string {
  if (written.length > MAX_LENGTH) throw invalidName(written, 'too long')
  if (/[^\x20-\x7e]|\\/.test(written)) throw invalidName(written, 'no plain text')
  if (/^[A-Za-z]:/.test(written)) throw invalidName(written, 'not relative')
  const name = written.replace(/^\.\//, '').replace(/\/$/, '')
  if (name === '' && written !== '' && written !== '/') return '.'
  if (name === '.') return name
  const parts = name.split('/')
  if (parts.some((part) => part === '' || part === '.' || part === '..')) throw invalidName(written, 'no plain path')
  return name
}

function invalidName(name: string, what: string): Error {
  const found = quote(name)
  return archiveInvalid(`the archive has an entry whose name is ${what}: ${found}`, { found })
}
