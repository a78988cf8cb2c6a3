import { readEntries } from '../inventory/entries.js'
import type { IndexFile } from '../materialise/index-file.js'
import type { Descriptor } from '../oci/descriptor.js'

/** What each name in index.json stands for; nothing when there is no such file. @throws HearthError LAYOUT_INVALID */
export async function readKnown(file: IndexFile): Promise<ReadonlyMap<string, Descriptor>> {
  return new Map((await readEntries(file)).map(({ reference, descriptor }) => [reference, descriptor]))
}
