import type { Cache, RemoveOptions, RemoveReport } from '../index.js'
import { failureLine } from './failure.js'
import { type DocumentOutcome, exitCodeOf } from './outcome.js'
import { printable } from './printable.js'
import { count, formatBytes } from './units.js'

/** `hearth rm REF...`: removes references, and the blobs that no other reference needs. */
export async function rm(
  cache: Cache,
  references: readonly string[],
  options: RemoveOptions = {},
): Promise<DocumentOutcome> {
  return renderRemoval(await cache.remove(references, options))
}

/** What is gone and what it freed; each reference that was kept is a problem with its reason. */
export function renderRemoval(report: RemoveReport): DocumentOutcome {
  const { removed, kept, removedBlobs, freedBytes } = report
  return {
    kind: 'document',
    document: report,
    lines: [
      ...removed.map((reference) => `removed ${printable(reference)}`),
      `${count(removed.length, 'reference')} and ${count(removedBlobs, 'blob')} removed, ${formatBytes(freedBytes)} freed`,
    ],
    problems: kept.map(({ reference, failure }) => failureLine(failure, reference)),
    exitCode: exitCodeOf(kept.map(({ failure }) => failure)),
  }
}
