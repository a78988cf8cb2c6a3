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
  /** Whether a state on disk vouches for the bytes: else a crash leaves nothing that is trusted. */
  readonly recorded: boolean
}

/**
 * Up to this size a new ingest has no state on disk before it is closed half-way: a crash may cost so much. For a small
 * blob, making, renaming and removing that file took longer than writing the blob.
 */
export const UNRECORDED_BYTES = 1024 * 1024

const { O_RDWR, O_RDONLY, O_CREAT, O_EXCL, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants

/** Where an ingest's bytes stand: what a commit renames. */
export function ingestDataPath(folder: string): string {
  return join(folder, 'data')
}

/** Opens what is left in `folder`, or an empty ingest when that is nothing to be trusted; says on disk which of them. */
export function openData(folder: string, options: IngestOptions): OpenData {
  const isNew = mkdirSync(folder, { recursive: true, mode: 0o700 }) !== undefined
  const opened = isNew ? begin(folder, options) : (resume(folder, options) ?? startOver(folder, options))
  if (!opened.recorded) return opened
  try {
    writeCheckpoint(folder, opened.checkpoint)
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

function startOver(folder: string, options: IngestOptions): OpenData {
  // State before data: a state file must never outlive the bytes it speaks of.
  removeCheckpoints(folder)
  rmSync(ingestDataPath(folder), { recursive: true, force: true })
  return begin(folder, options)
}

function begin(folder: string, options: IngestOptions): OpenData {
  const file = openSync(ingestDataPath(folder), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
  return { file, checkpoint: emptyCheckpoint(options, options.boot), recorded: options.size > UNRECORDED_BYTES }
}

function resume(folder: string, options: IngestOptions): OpenData | undefined {
  const found = readCheckpoint(folder, options, options.boot)
  if (found === undefined) return undefined
  const file = openExisting(ingestDataPath(folder))
  if (file === undefined) return undefined
  const stat = fstatSync(file)
  if (!stat.isFile() || stat.nlink !== 1 || stat.size > options.size) {
    closeSync(file)
    return undefined
  }
  const checkpoint = resumed(found, { boot: options.boot, length: stat.size })
  // Else the file's length would go on claiming bytes that are not trusted in this boot.
  if (checkpoint.appending) ftruncateSync(file, contiguousPrefix(checkpoint.written))
  return { file, checkpoint, recorded: true }
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
