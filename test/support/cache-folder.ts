import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { algorithmOf, parseDigest } from '../../src/oci/digest.js'
import { digestBytes } from '../../src/oci/hasher.js'
import { BLOBS_FOLDER, blobPath, INDEX_FILE, REF_NAME } from '../../src/oci/image-layout.js'

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
