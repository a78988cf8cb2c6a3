import { lstatSync, type Stats } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Digest, isDigest } from '../oci/digest.js'
import { INGEST_FOLDER } from '../oci/image-layout.js'
import { FsClaims } from './fs-claim.js'
import { guarded, guardedAsync, hasCode } from './fs-error.js'
import { statIngestData } from './fs-ingest-data.js'
import { isStaging, removeDeadStagings } from './fs-staging.js'
import type { SweepOptions, Swept } from './swept.js'

export interface AbandonedOptions extends SweepOptions {
  /** Partial downloads that were written to since are kept: the next pull goes on with them. Default 0: none are. */
  readonly unusedForMs?: number
  /** What running pulls count on. What they have staged is theirs, however long ago that was. */
  readonly leased?: ReadonlySet<Digest>
}

/** Staging takes seconds; whoever staged this has died. */
const STAGED_LONG_AGO_MS = 60 * 60 * 1000

/**
 * Removes partial downloads that no process goes on with at this moment: a pull writes to one only under its blob's claim,
 * which is held here meanwhile. Idempotent.
 */
export async function removeAbandonedIngests(root: string, options: AbandonedOptions): Promise<Swept> {
  const claims = new FsClaims(root)
  let { count, bytes } = await removeDeadStagings(root, options)
  for (const name of await namesIn(join(root, INGEST_FOLDER))) {
    if (isStaging(name)) continue
    const ingest = { path: join(root, INGEST_FOLDER, name), digest: name.replace('-', ':') }
    const freed = isDigest(ingest.digest)
      ? await removePartial(ingest.path, ingest.digest, { claims, options })
      : await removeStaged(ingest, options)
    if (freed === undefined) continue
    count += 1
    bytes += freed
  }
  return { count, bytes }
}

/** Bytes that it took; undefined when it stays. */
async function removePartial(
  path: string,
  digest: Digest,
  { claims, options }: { readonly claims: FsClaims; readonly options: AbandonedOptions },
): Promise<number | undefined> {
  const { now, unusedForMs = 0, dryRun = false } = options
  const isKept = () => unusedForMs > 0 && isYounger(path, now - unusedForMs)
  if (isKept()) return undefined
  const claim = await claims.tryClaim(digest)
  if (claim === undefined) return undefined
  try {
    // Somebody may have gone on with it, and stopped again, before the claim was ours.
    if (isKept()) return undefined
    return dryRun ? bytesOf(path) : await remove(path)
  } finally {
    await claim.release()
  }
}

/** Manifests are staged in files of their own, `<digest>.<id>`, and without a claim. */
async function removeStaged(
  { path, digest: name }: { readonly path: string; readonly digest: string },
  { now, leased, dryRun = false }: AbandonedOptions,
): Promise<number | undefined> {
  const digest = name.replace(/\..*$/, '')
  if (isDigest(digest) && leased?.has(digest)) return undefined
  if (isYounger(path, now - STAGED_LONG_AGO_MS)) return undefined
  return dryRun ? bytesOf(path) : await remove(path)
}

async function remove(path: string): Promise<number> {
  const bytes = bytesOf(path)
  await guardedAsync({ step: 'remove', path }, () => rm(path, { recursive: true, force: true }))
  return bytes
}

function bytesOf(path: string): number {
  return (statIfAny(path, statIngestData)?.blocks ?? 0) * 512
}

/** Writing changes the data's time, a checkpoint the folder's. What is gone by now counts as young: nothing is to be done. */
function isYounger(path: string, time: number): boolean {
  const made = statIfAny(path, lstatSync)
  const written = statIfAny(path, statIngestData)
  return made === undefined || Math.max(made.mtimeMs, written?.mtimeMs ?? 0) >= time
}

/** Undefined for what is gone by now. */
function statIfAny(path: string, stat: (path: string) => Stats | undefined): Stats | undefined {
  return guarded({ step: 'read', path }, () => {
    try {
      return stat(path)
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
