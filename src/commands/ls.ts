import type { Cache, ListedReference, ListOptions } from '../index.js'
import type { DocumentOutcome } from './outcome.js'
import { table } from './table.js'
import { formatBytes } from './units.js'

/** `hearth ls`: the references in the cache, now or at a moment of its history. */
export async function ls(cache: Cache, options: ListOptions = {}): Promise<DocumentOutcome> {
  return renderList(await cache.list(options))
}

/** A table in the order given; `-` stands for what is not known of a name that another tool wrote. */
export function renderList(references: readonly ListedReference[]): DocumentOutcome {
  const rows = references.map(({ reference, digest, platforms, size, pinned }) => [
    reference,
    digest,
    platforms.join(',') || '-',
    size === undefined ? '-' : formatBytes(size),
    pinned ? 'yes' : '',
  ])
  return {
    kind: 'document',
    document: { references },
    lines: table([['REFERENCE', 'DIGEST', 'PLATFORMS', 'SIZE', 'PINNED'], ...rows], [3]),
    problems: [],
    exitCode: 0,
  }
}
