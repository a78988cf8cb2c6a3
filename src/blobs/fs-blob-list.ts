import type { Dirent, Stats } from 'node:fs'
import { lstat, opendir } from 'node:fs/promises'
import { join } from 'node:path'
import { isDigest } from '../oci/digest.js'
import { BLOBS_FOLDER } from '../oci/image-layout.js'
import type { BlobEntry } from './blob-store.js'
import { hasCode, storeError } from './fs-error.js'

/**
 * Everything under blobs/: blobs by their digests, the rest as strays. Skips what is removed meanwhile. Goes through no link: what
 * is listed here may be removed, and there is no telling what else lies behind one.
 */
export async function* listBlobs(root: string): AsyncIterable<BlobEntry> {
  const blobs = join(root, BLOBS_FOLDER)
  if (await isLink(blobs)) return yield* describe(blobs)
  for await (const entry of entriesOf(blobs)) {
    if (entry.isDirectory()) yield* listFolder(blobs, entry.name)
    else yield* describe(join(blobs, entry.name))
  }
}

async function* listFolder(blobs: string, algorithm: string): AsyncIterable<BlobEntry> {
  for await (const entry of entriesOf(join(blobs, algorithm))) {
    const digest = `${algorithm}:${entry.name}`
    yield* describe(join(blobs, algorithm, entry.name), entry.isFile() && isDigest(digest) ? { digest } : {})
  }
}

async function isLink(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSymbolicLink()
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false
    throw storeError(error, { step: 'read', path })
  }
}

/** One entry, or none when it is gone by now. */
async function* describe(path: string, name: Pick<BlobEntry, 'digest'> = {}): AsyncIterable<BlobEntry> {
  let stat: Stats
  try {
    stat = await lstat(path)
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return
    throw storeError(error, { step: 'read', path })
  }
  yield { path, ...name, size: stat.size, changedMs: stat.ctimeMs }
}

async function* entriesOf(path: string): AsyncIterable<Dirent> {
  try {
    yield* await opendir(path)
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw storeError(error, { step: 'read', path })
  }
}
