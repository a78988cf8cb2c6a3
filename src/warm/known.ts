import { parseIndexFile } from '../materialise/image-index.js'
import type { IndexFile } from '../materialise/index-file.js'
import type { Descriptor } from '../oci/descriptor.js'

/** What each name in index.json stands for; nothing when there is no such file. @throws HearthError LAYOUT_INVALID */
export async function readKnown(file: IndexFile): Promise<ReadonlyMap<string, Descriptor>> {
  const bytes = await file.read()
  const entries = bytes === undefined ? [] : parseIndexFile(bytes)
  return new Map(entries.map(({ reference, descriptor }) => [reference, descriptor]))
}
