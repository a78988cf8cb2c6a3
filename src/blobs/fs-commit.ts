import type { Stats } from 'node:fs'
import { lstat, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { HearthError } from '../errors.js'
import { blobPath } from '../oci/image-layout.js'
import type { CommittedBlob, ReadyIngest } from './blob-store.js'
import { removeCheckpoints } from './fs-checkpoint-file.js'
import { guardedAsync, hasCode } from './fs-error.js'
import { ensureFolder, READABLE, syncFolder } from './fs-folder.js'
import { ingestDataPath } from './fs-ingest-data.js'
import { moveToQuarantine } from './fs-quarantine.js'

/** A sealed ingest and its folder. */
export interface SealedIngest extends ReadyIngest {
  readonly folder: string
}

/**
 * Makes a group of sealed ingests visible: the only way a blob appears under blobs/. Each is renamed, then every folder
 * whose entries changed is fsynced once, then the empty ingests go (RELIABILITY 2.1). A crash anywhere leaves whole blobs
 * and whole ingests; the same call again finishes the work. A blob that is there already is replaced, which heals it.
 * @throws HearthError SIZE_MISMATCH or BLOB_UNKNOWN, before anything is visible, when an ingest is not what it should be;
 *   STORE_FAILED when the disk refused: what was renamed by then may be lost in a power cut, so it must not be recorded.
 */
export async function commitIngests(root: string, ingests: readonly SealedIngest[]): Promise<readonly CommittedBlob[]> {
  const distinct = [...new Map(ingests.map((ingest) => [ingest.digest, ingest])).values()]
  const found = await Promise.all(distinct.map((ingest) => inspect(root, ingest)))
  const changed = await ensureFolders(found.map(({ target }) => dirname(target)))
  for (const blob of found) if (blob.staged) await moveIntoPlace(root, blob)
  for (const folder of changed) await syncFolder(folder)
  await Promise.all(distinct.map(({ folder }) => removeIngest(folder)))
  return found.map(({ ingest, stat }) => ({ digest: ingest.digest, size: stat.size, mtimeMs: stat.mtimeMs }))
}

interface Found {
  readonly ingest: SealedIngest
  /** False when an earlier call, cut short, has renamed it already. */
  readonly staged: boolean
  readonly target: string
  readonly stat: Stats
}

async function inspect(root: string, ingest: SealedIngest): Promise<Found> {
  const target = join(root, blobPath(ingest.digest))
  const staged = await lstatIfAny(ingestDataPath(ingest.folder))
  const stat = staged ?? (await lstatIfAny(target))
  const { digest, size: expected } = ingest
  if (!stat?.isFile()) throw new HearthError('BLOB_UNKNOWN', `nothing is staged for ${digest}`, { digest })
  if (stat.size !== expected) {
    const details = { digest, expected, actual: stat.size }
    throw new HearthError('SIZE_MISMATCH', `the ingest of ${digest} has another size`, details)
  }
  return { ingest, staged: staged !== undefined, target, stat }
}

/** Gives every folder that needs an fsync: parents before children, so that no entry hangs from a lost folder. */
async function ensureFolders(folders: readonly string[]): Promise<ReadonlySet<string>> {
  const changed = new Set<string>()
  for (const folder of new Set(folders)) {
    for (const parent of await ensureFolder(folder, READABLE)) changed.add(parent)
    changed.add(folder)
  }
  return new Set([...changed].sort((left, right) => left.length - right.length))
}

async function moveIntoPlace(root: string, { ingest, target }: Found): Promise<void> {
  const data = ingestDataPath(ingest.folder)
  await guardedAsync({ step: 'rename', path: target }, async () => {
    try {
      await rename(data, target)
    } catch (error) {
      // Another call of this process commits the same ingest, and was faster.
      if (hasCode(error, 'ENOENT') && (await lstatIfAny(target))?.size === ingest.size) return
      // A folder in the blob's place: the one thing that a rename does not replace.
      if (!hasCode(error, 'EISDIR', 'ENOTEMPTY', 'EEXIST')) throw error
      await moveToQuarantine(root, ingest.digest)
      await rename(data, target)
    }
  })
}

async function removeIngest(folder: string): Promise<void> {
  await guardedAsync({ step: 'remove', path: folder }, async () => {
    try {
      removeCheckpoints(folder)
      await rmdir(folder)
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return
      if (!hasCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOTDIR')) throw error
      await rm(folder, { recursive: true, force: true })
    }
  })
}

async function lstatIfAny(path: string): Promise<Stats | undefined> {
  return await guardedAsync({ step: 'read', path }, async () => {
    try {
      return await lstat(path)
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined
      throw error
    }
  })
}
