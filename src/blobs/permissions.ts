/** A file or folder of the cache with other rights than it should have. */
export interface LooseEntry {
  /** Absolute. */
  readonly path: string
  /** Rights, as in chmod. */
  readonly mode: number
  readonly wanted: number
}

/** Port: who may do what to the files of a cache. */
export interface Permissions {
  /** Whatever somebody else could change, or even its owner not read. Follows no link. */
  loose(): AsyncIterable<LooseEntry>
  /** Sets the wanted rights. @throws HearthError STORE_READ_ONLY when they are not ours to set. */
  tighten(entry: LooseEntry): Promise<void>
}

const OTHERS = 0o077
const OTHERS_WRITE = 0o002
const OWNER_READ = { file: 0o400, folder: 0o500 }

/**
 * Pure: the rights that something in a cache should have. Nobody but the owner gets into `.hearth`. All else is for every tool to
 * read, and may be writable by the owner's group, as other tools make it under the usual umask of desktops; not by everybody.
 */
export function wantedMode(mode: number, what: 'private' | 'file' | 'folder'): number {
  if (what === 'private') return (mode & ~OTHERS) | OWNER_READ.folder
  return (mode & ~OTHERS_WRITE) | OWNER_READ[what]
}
