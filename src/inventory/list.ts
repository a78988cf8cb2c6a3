import type { IndexState } from '../log/projection.js'
import type { IndexFile } from '../materialise/index-file.js'
import { readEntries } from './entries.js'
import type { ListedReference } from './reports.js'

/** Pure: the references of a state of the log, sorted by name. */
export function listState({ references, pins }: Pick<IndexState, 'references' | 'pins'>): readonly ListedReference[] {
  return [...references]
    .map(
      ([
        reference,
        {
          descriptor: { digest, mediaType },
          platforms,
          size,
        },
      ]): ListedReference => {
        const pinned = pins.has(reference)
        return { reference, digest, mediaType, platforms, ...(size !== undefined && { size }), pinned }
      },
    )
    .sort((a, b) => (a.reference < b.reference ? -1 : 1))
}

/**
 * The references in index.json, sorted by name; none when there is no such file. Neither the log nor a blob is read, and
 * no lock is waited for. Names that other tools wrote stand as they are, images without a name as `@<digest>`.
 * @throws HearthError LAYOUT_INVALID when the file is no image index.
 */
export async function listReferences(file: IndexFile): Promise<readonly ListedReference[]> {
  return (await readEntries(file))
    .map(({ reference, descriptor: { digest, mediaType }, platforms, size, pinned = false }): ListedReference => {
      return { reference, digest, mediaType, platforms, ...(size !== undefined && { size }), pinned }
    })
    .sort((a, b) => (a.reference < b.reference ? -1 : 1))
}
