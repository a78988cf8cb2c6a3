import { lstatSync, renameSync, rmdirSync, type Stats } from 'node:fs'
import { rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { HearthError } from '../errors.js'
import { BLOBS_FOLDER, blobPath } from '../oci/image-layout.js'
import type { CommittedBlob, ReadyIngest } from './blob-store.js'
import { removeCheckpoints } from './fs-checkpoint-file.js'
import { guarded, guardedAsync, hasCode } from './fs-error.js'
import { ensureFolder, READABLE, syncFolder } from './fs-folder.js'
import { moveToQuarantine } from './fs-quarantine.js'

/** A sealed ingest: where its bytes are, and the folder that goes with them, if they have one of their own. */
export interface SealedIngest extends ReadyIngest {
  readonly data: string
  readonly folder?: string
}

/**
 * Makes a group of sealed ingests visible: the only way a blob appears under blobs/. Each is renamed, then every folder on
 * the way to it is fsynced once, then the empty ingests go (RELIABILITY 2.1). A crash anywhere leaves whole blobs
 * and whole ingests; the same call again finishes the work. A blob that is there already is replaced, which heals it.
 * @throws HearthError SIZE_MISMATCH or BLOB_UNKNOWN, before anything is visible, when an ingest is not what it should be;
 *   STORE_FAILED when the disk refused: what was renamed by then may be lost in a power cut, so it must not be recorded.
 */
export async function commitIngests(root: string, ingests: readonly SealedIngest[]): Promise<readonly CommittedBlob[]> {
  const distinct = [...new Map(ingests.map((ingest) => [ingest.digest, ingest])).values()]
  const found = distinct.map((ingest) => inspect(root, ingest))
  const folders = new Set(found.map(({ target }) => dirname(target)))
  for (const folder of folders) await ensureFolder(folder, READABLE)
  for (const blob of found) if (blob.staged) await moveIntoPlace(root, blob)
  // The parents too, always: whoever created these folders may have died before it could fsync them. Where nothing
  // changed, an fsync costs next to nothing.
  const parents = folders.size > 0 ? [root, join(root, BLOBS_FOLDER)] : []
  for (const folder of [...parents, ...folders]) await syncFolder(folder)
  await Promise.all(distinct.map(({ folder }) => folder !== undefined && removeIngest(folder)))
  return found.map(({ ingest, stat }) => ({ digest: ingest.digest, size: stat.size, mtimeMs: stat.mtimeMs }))
}

interface Found {
  readonly ingest: SealedIngest
  /** False when an earlier call, cut short, has renamed it already. */
  readonly staged: boolean
  readonly target: string
  readonly stat: Stats
}

function inspect(root: string, ingest: SealedIngest): Found {
  const target = join(root, blobPath(ingest.digest))
  const staged = lstatIfAny(ingest.data)
  const stat = staged ?? lstatIfAny(target)
  const { digest, size: expected } = ingest
  if (!stat?.isFile()) throw new HearthError('BLOB_UNKNOWN', `nothing is staged for ${digest}`, { digest })
  if (stat.size !== expected) {
    const details = { digest, expected, actual: stat.size }
    throw new HearthError('SIZE_MISMATCH', `the ingest of ${digest} has another size`, details)
  }
  return { ingest, staged: staged !== undefined, target, stat }
}

async function moveIntoPlace(root: string, { ingest, target }: Found): Promise<void> {
  const { data } = ingest
  await guardedAsync({ step: 'rename', path: target }, async () => {
    try {
      renameSync(data, target)
    } catch (error) {
      // Another call of this process commits the same ingest, and was faster.
      if (hasCode(error, 'ENOENT') && lstatIfAny(target)?.size === ingest.size) return
      // A folder in the blob's place: the one thing that a rename does not replace.
      if (!hasCode(error, 'EISDIR', 'ENOTEMPTY', 'EEXIST')) throw error
      await moveToQuarantine(root, ingest.digest)
      renameSync(data, target)
    }
  })
}

async function removeIngest(folder: string): Promise<void> {
  await guardedAsync({ step: 'remove', path: folder }, async () => {
    removeCheckpoints(folder)
    if (!isEmptyFolderGone(folder)) await rm(folder, { recursive: true, force: true })
  })
}

function isEmptyFolderGone(folder: string): boolean {
  try {
    rmdirSync(folder)
    return true
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return true
    if (!hasCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOTDIR')) throw error
    return false
  }
}

/** Synchronous, as the renames are: each takes microseconds, handing it to a thread 0.2 ms. */
function lstatIfAny(path: string): Stats | undefined {
  return guarded({ step: 'read', path }, () => {
    try {
      return lstatSync(path, { throwIfNoEntry: false })
    } catch (error) {
      if (hasCode(error, 'ENOTDIR')) return undefined
      throw error
    }
  })
}
