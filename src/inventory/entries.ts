import type { IndexEntry } from '../log/decide.js'
import { parseIndexFile } from '../materialise/image-index.js'
import type { IndexFile } from '../materialise/index-file.js'
import { findReference } from './find-reference.js'

/** What index.json names; nothing when there is no such file. @throws HearthError LAYOUT_INVALID when it is no image index. */
export async function readEntries(file: IndexFile): Promise<readonly IndexEntry[]> {
  const bytes = await file.read()
  return bytes === undefined ? [] : parseIndexFile(bytes)
}

/** Pure. Gives the entry that a user's text means; it throws as {@link findReference}. */
export function entryFinder(entries: readonly IndexEntry[]): (text: string) => IndexEntry {
  const byName = new Map(entries.map((entry) => [entry.reference, entry]))
  const digests = new Map(entries.map(({ reference, descriptor }) => [reference, descriptor.digest]))
  return (text) => byName.get(findReference(text, digests)) as IndexEntry
}
