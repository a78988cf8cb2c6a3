/**
 * What only looks: none of these makes a cache or opens its log for writing, and `list` and `inspect` read nothing but index.json
 * and blobs. `inspect` notes that the image was used, where it may.
 */
import type { InspectOptions } from '../call-options.js'
import type { Inspection, ListedReference } from '../inventory/reports.js'
import type { CacheParts } from './cache-parts.js'

export async function listOf({ index }: CacheParts): Promise<readonly ListedReference[]> {
  const { listReferences } = await import('../inventory/list.js')
  return await listReferences(index)
}

/** @throws HearthError REFERENCE_UNKNOWN */
export async function inspectIn(parts: CacheParts, reference: string, { signal }: InspectOptions): Promise<Inspection> {
  const { inspectImage } = await import('../inventory/inspect.js')
  const { entryFinder, readEntries } = await import('../inventory/entries.js')
  const { index, blobs } = parts
  const entries = await readEntries(index)
  const { reference: name, descriptor } = entryFinder(entries)(reference)
  const inspection = await inspectImage(name, descriptor, { blobs, entries, ...(signal && { signal }) })
  await (await parts.uses()).touch([name])
  return inspection
}
