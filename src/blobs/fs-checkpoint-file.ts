import { closeSync, constants, lstatSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint, type IngestTarget } from './checkpoint.js'
import { hasCode } from './fs-error.js'

/** What a killed process leaves: renamed into place, never fsynced. After a power cut it may be torn or empty. */
const WRITTEN_FILE = 'state.json'
/** What a power cut leaves: fsynced before its rename. A file of its own, so that no later `state.json` can take it along. */
const SYNCED_FILE = 'state.synced.json'
/** Far above what thousands of extents need: a larger file is not ours. */
const MAX_BYTES = 1024 * 1024

const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants
const TEMP_FLAGS = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW

/** The checkpoint that says most about this ingest under this boot; undefined when there is none to be believed. */
export function readCheckpoint(folder: string, target: IngestTarget, boot: string): Checkpoint | undefined {
  const written = readOne(join(folder, WRITTEN_FILE), target)
  if (written?.boot === boot) return written
  return readOne(join(folder, SYNCED_FILE), target) ?? written
}

/** Records progress against the death of this process. Atomic; costs no disk flush. */
export function writeCheckpoint(folder: string, checkpoint: Checkpoint): void {
  const path = join(folder, WRITTEN_FILE)
  const file = openSync(`${path}.tmp`, TEMP_FLAGS, 0o600)
  try {
    writeAll(file, encodeCheckpoint(checkpoint))
  } finally {
    closeSync(file)
  }
  renameSync(`${path}.tmp`, path)
}

/**
 * Records fsynced extents against a power cut. Atomic; the folder is the caller's to fsync. Never on the calling thread, which
 * receives meanwhile: while the disk has much to write, the journal held up a single rename for 286 ms (ext4).
 */
export async function writeSyncedCheckpoint(folder: string, checkpoint: Checkpoint): Promise<void> {
  const path = join(folder, SYNCED_FILE)
  const file = await open(`${path}.tmp`, TEMP_FLAGS, 0o600)
  try {
    await file.writeFile(encodeCheckpoint({ ...checkpoint, written: checkpoint.synced }))
    await file.datasync()
  } finally {
    await file.close()
  }
  await rename(`${path}.tmp`, path)
}

/** Forgets all progress. Idempotent. */
export function removeCheckpoints(folder: string): void {
  // In this order: alone, the synced file would be believed in this boot too, and with it the length of the data.
  rmSync(join(folder, SYNCED_FILE), { recursive: true, force: true })
  rmSync(join(folder, WRITTEN_FILE), { recursive: true, force: true })
}

function readOne(path: string, target: IngestTarget): Checkpoint | undefined {
  try {
    const stat = lstatSync(path)
    if (!stat.isFile() || stat.size > MAX_BYTES) return undefined
    return decodeCheckpoint(readFileSync(path, 'utf8'), target)
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
}

function writeAll(file: number, text: string): void {
  const bytes = Buffer.from(text)
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done)
}
