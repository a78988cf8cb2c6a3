/**
 * What only looks: none of these makes a cache or opens its log for writing, and `list` and `inspect` read nothing but index.json
 * and blobs. `inspect` notes that the image was used, where it may.
 */
import type { InspectOptions } from '../call-options.js'
import { HearthError } from '../errors.js'
import type { Inspection, ListedReference } from '../inventory/reports.js'
import type { CacheParts } from './cache-parts.js'

export async function listOf({ index }: CacheParts): Promise<readonly ListedReference[]> {
  const { listReferences } = await import('../inventory/list.js')
  return await listReferences(index)
}

/** @throws HearthError REFERENCE_UNKNOWN */
export async function inspectIn(parts: CacheParts, reference: string, { signal }: InspectOptions): Promise<Inspection> {
  const { inspectImage } = await import('../inventory/inspect.js')
  const { findReference } = await import('../inventory/find-reference.js')
  const { parseIndexFile } = await import('../materialise/image-index.js')
  const { index, blobs } = parts
  const bytes = await index.read()
  const entries = bytes === undefined ? [] : parseIndexFile(bytes)
  const roots = new Map(entries.map((entry) => [entry.reference, entry.descriptor]))
  const name = findReference(reference, new Map([...roots].map(([key, { digest }]) => [key, digest])))
  const root = roots.get(name)
  if (root === undefined) throw new HearthError('REFERENCE_UNKNOWN', `${reference} is not in the cache`, { reference })
  const inspection = await inspectImage(name, root, { blobs, entries, ...(signal && { signal }) })
  await (await parts.uses()).touch([name])
  return inspection
}
