import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  rmSync,
  type Stats,
} from 'node:fs'
import { join } from 'node:path'
import { type Checkpoint, contiguousPrefix, emptyCheckpoint, type IngestTarget, resumed } from './checkpoint.js'
import { readCheckpoint, removeCheckpoints, writeCheckpoint } from './fs-checkpoint-file.js'
import { hasCode } from './fs-error.js'

export interface IngestOptions extends IngestTarget {
  /** Identity of this boot of the machine. */
  readonly boot: string
}

/** An ingest's open data file, and how far it has come. */
export interface OpenData {
  readonly file: number
  readonly checkpoint: Checkpoint
}

/**
 * Up to this size an ingest is a file and nothing else, and is begun again by whoever opens it: so much may be fetched twice. In a
 * profile of 40 images, making and removing a folder for each small blob took 86 ms of the 1.7 s of the calling thread (ext4).
 */
export const FLAT_BYTES = 2 * 1024 * 1024

const { O_RDWR, O_RDONLY, O_CREAT, O_EXCL, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants

/** Whether an ingest of a blob of this size has a state beside its bytes, and a folder for both. */
export function hasState(size: number): boolean {
  return size > FLAT_BYTES
}

/** Where the bytes of an ingest stand, which has a path of its own: what a commit renames. */
export function ingestDataPath(path: string, size: number): string {
  return hasState(size) ? join(path, 'data') : path
}

/** The same for a blob whose size is not known, as it is on disk now; undefined where nothing is. */
export function statIngestData(path: string): Stats | undefined {
  const place = lstatSync(path, { throwIfNoEntry: false })
  return place?.isDirectory() ? lstatSync(join(path, 'data'), { throwIfNoEntry: false }) : place
}

/** Opens what is left at `path`, or an empty ingest when that is nothing to be trusted; says on disk which of them. */
export function openData(path: string, options: IngestOptions): OpenData {
  if (!hasState(options.size)) return beginFlat(path, options)
  const isNew = makeIngestFolder(path)
  const opened = isNew ? begin(path, options) : (resume(path, options) ?? startOver(path, options))
  try {
    writeCheckpoint(path, opened.checkpoint)
  } catch (error) {
    closeSync(opened.file)
    throw error
  }
  return opened
}

/** Cuts the ingest to nothing. A crash in between leaves either the old state with its bytes, or no state. */
export function emptyData(folder: string, file: number): void {
  removeCheckpoints(folder)
  // Rare, so it may cost a flush: after a power cut the old state must not come back to vouch for new bytes.
  const directory = openSync(folder, O_RDONLY | O_DIRECTORY)
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
  ftruncateSync(file, 0)
}

/** Whatever is there goes: what an earlier run left of the blob, or a link that somebody planted. */
function beginFlat(path: string, options: IngestOptions): OpenData {
  try {
    return begin(path, options)
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error
    rmSync(path, { recursive: true, force: true })
    return begin(path, options)
  }
}

/** Whether it is new. A link here would lead elsewhere, and a file would be in the way for ever. */
function makeIngestFolder(path: string): boolean {
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === false) rmSync(path)
  return mkdirSync(path, { recursive: true, mode: 0o700 }) !== undefined
}

function startOver(folder: string, options: IngestOptions): OpenData {
  // State before data: a state file must never outlive the bytes it speaks of.
  removeCheckpoints(folder)
  rmSync(ingestDataPath(folder, options.size), { recursive: true, force: true })
  return begin(folder, options)
}

function begin(path: string, options: IngestOptions): OpenData {
  const file = openSync(ingestDataPath(path, options.size), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
  return { file, checkpoint: emptyCheckpoint(options, options.boot) }
}

function resume(folder: string, options: IngestOptions): OpenData | undefined {
  const found = readCheckpoint(folder, options, options.boot)
  if (found === undefined) return undefined
  const file = openExisting(ingestDataPath(folder, options.size))
  if (file === undefined) return undefined
  const stat = fstatSync(file)
  if (!stat.isFile() || stat.nlink !== 1 || stat.size > options.size) {
    closeSync(file)
    return undefined
  }
  const checkpoint = resumed(found, { boot: options.boot, length: stat.size })
  // Else the file's length would go on claiming bytes that are not trusted in this boot.
  if (checkpoint.appending) ftruncateSync(file, contiguousPrefix(checkpoint.written))
  return { file, checkpoint }
}

/** Never follows a link, never waits on a pipe. */
function openExisting(path: string): number | undefined {
  try {
    if (!lstatSync(path).isFile()) return undefined
    // It may be sealed: 0444, by a process that died before the commit.
    chmodSync(path, 0o600)
    return openSync(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK)
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ELOOP')) return undefined
    throw error
  }
}
