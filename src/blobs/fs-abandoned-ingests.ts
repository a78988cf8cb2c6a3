import type { Stats } from 'node:fs'
import { lstat, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isDigest } from '../oci/digest.js'
import { CLAIMS_FOLDER, INGEST_FOLDER } from '../oci/image-layout.js'
import { FsClaims } from './fs-claim.js'
import { guardedAsync, hasCode } from './fs-error.js'
import { ingestDataPath } from './fs-ingest-data.js'

/** Staging takes seconds; whoever staged this has died. */
const STAGED_LONG_AGO_MS = 60 * 60 * 1000

/**
 * Removes partial downloads that no process goes on with at this moment: a pull writes to one only under its blob's claim,
 * which is held here meanwhile. With them goes what dead processes left of their claims. Idempotent.
 * @param now milliseconds since 1970.
 * @returns bytes that the files took.
 */
export async function removeAbandonedIngests(root: string, now: number): Promise<number> {
  const claims = new FsClaims(root)
  let freed = 0
  for (const name of await namesIn(join(root, INGEST_FOLDER))) {
    const folder = join(root, INGEST_FOLDER, name)
    const digest = name.replace('-', ':')
    if (!isDigest(digest)) {
      if (await isOlder(folder, now - STAGED_LONG_AGO_MS)) freed += await remove(folder)
      continue
    }
    const claim = await claims.tryClaim(digest)
    if (claim === undefined) continue
    try {
      freed += await remove(folder)
    } finally {
      await claim.release()
    }
  }
  for (const name of await namesIn(join(root, CLAIMS_FOLDER))) await forgetIfDead(claims, name)
  return freed
}

/** The kernel frees the lock of whoever dies, but the file stays; releasing a claim removes it. */
async function forgetIfDead(claims: FsClaims, name: string): Promise<void> {
  const digest = name.replace('-', ':')
  if (isDigest(digest)) await (await claims.tryClaim(digest))?.release()
}

/** A download is a folder, what was staged is a file. */
async function remove(path: string): Promise<number> {
  const staged = (await statOf(path))?.isFile() ?? false
  const stat = await statOf(staged ? path : ingestDataPath(path))
  await guardedAsync({ step: 'remove', path }, () => rm(path, { recursive: true, force: true }))
  return stat === undefined ? 0 : stat.blocks * 512
}

async function isOlder(path: string, time: number): Promise<boolean> {
  return ((await statOf(path))?.mtimeMs ?? time) < time
}

/** Undefined for what is gone by now. */
async function statOf(path: string): Promise<Stats | undefined> {
  return guardedAsync({ step: 'read', path }, async () => {
    try {
      return await lstat(path)
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined
      throw error
    }
  })
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return guardedAsync({ step: 'read', path: folder }, async () => {
    try {
      return await readdir(folder)
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return []
      throw error
    }
  })
}
