import type { Cache, ReclaimOptions, ReclaimReport } from '../index.js'
import { failureLine } from './failure.js'
import { type DocumentOutcome, exitCodeOf } from './outcome.js'
import { printable } from './printable.js'
import { count, formatBytes } from './units.js'

type Removed = ReclaimReport['removed']

/** `hearth gc`: removes what nothing needs, and what does not fit into the budget. */
export async function gc(cache: Cache, options: ReclaimOptions = {}): Promise<DocumentOutcome> {
  return renderReclaimed(await cache.reclaim(options))
}

const REASONS: readonly (readonly [keyof Removed, string, string])[] = [
  ['evicted', 'blob', 'that only evicted images needed'],
  ['unreferenced', 'blob', 'that no image needs any more'],
  ['unknown', 'blob', 'that no pull has recorded'],
  ['strays', 'stray file', 'that can be no blob'],
  ['ingests', 'partial download', 'that nobody has gone on with for a day'],
]

/** What went, by reason, and what stays. That a budget cannot be kept is said, but no failure: pins come first. */
export function renderReclaimed(report: ReclaimReport): DocumentOutcome {
  const { dryRun, evicted, removed, freedBytes, keptBlobs, keptBytes, overBudgetBytes, blobsKept } = report
  const [evict, remove, freed] = dryRun
    ? ['would evict', 'would remove', 'would be freed']
    : ['evicted', 'removed', 'freed']
  const over = `hearth: ${formatBytes(overBudgetBytes)} more than --keep-bytes: the rest is pinned, in use, or used lately`
  return {
    kind: 'document',
    document: report,
    lines: [
      ...evicted.map(({ reference, lastUsed }) => `${evict} ${printable(reference)}, last used ${lastUsed}`),
      ...REASONS.filter(([reason]) => removed[reason].count > 0).map(([reason, noun, why]) => {
        return `${remove} ${count(removed[reason].count, noun)} (${formatBytes(removed[reason].bytes)}) ${why}`
      }),
      `${formatBytes(freedBytes)} ${freed}; ${formatBytes(keptBytes)} in ${count(keptBlobs, 'blob')} kept`,
    ],
    problems: [
      ...(blobsKept === undefined ? [] : [failureLine(blobsKept, 'no blob was removed')]),
      ...(overBudgetBytes > 0 && blobsKept === undefined ? [over] : []),
    ],
    exitCode: exitCodeOf(blobsKept === undefined ? [] : [blobsKept]),
  }
}
