import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { algorithmOf, type Digest, parseDigest } from '../../src/oci/digest.js'
import { digestBytes } from '../../src/oci/hasher.js'
import {
  BLOBS_FOLDER,
  blobPath,
  digestFileName,
  INDEX_FILE,
  INGEST_FOLDER,
  REF_NAME,
} from '../../src/oci/image-layout.js'

/** Digests of the blobs in a layout, each file read and hashed. Throws when one is not what its name says. */
export async function soundBlobs(layout: string): Promise<Set<string>> {
  const found = new Set<string>()
  for (const algorithm of await readdir(join(layout, BLOBS_FOLDER))) {
    for (const encoded of await readdir(join(layout, BLOBS_FOLDER, algorithm))) {
      const digest = parseDigest(`${algorithm}:${encoded}`)
      const actual = await digestBytes(await readFile(join(layout, blobPath(digest))), algorithmOf(digest))
      if (actual !== digest) throw new Error(`the file of ${digest} hashes to ${actual}`)
      found.add(digest)
    }
  }
  return found
}

/** index.json as a plain reader sees it: names and their digests. */
export async function namesIn(layout: string): Promise<ReadonlyMap<string, string>> {
  const { manifests } = JSON.parse(await readFile(join(layout, INDEX_FILE), 'utf8')) as {
    manifests: { digest: string; annotations?: Record<string, string> }[]
  }
  return new Map(manifests.map(({ digest, annotations }) => [annotations?.[REF_NAME] ?? '', digest]))
}

/** Bytes that the unfinished download of a blob has written; undefined when there is none. */
export async function ingestedBytes(layout: string, digest: Digest): Promise<number | undefined> {
  try {
    return (await stat(join(layout, INGEST_FOLDER, digestFileName(digest), 'data'))).size
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
