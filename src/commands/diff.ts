import type { Cache, DiffOptions, DiffReport, Moment } from '../index.js'
import type { DocumentOutcome } from './outcome.js'
import { printable } from './printable.js'

/** `hearth diff FROM [TO]`: how the names of the cache differ between two moments. */
export async function diff(cache: Cache, from: Moment, options: DiffOptions = {}): Promise<DocumentOutcome> {
  return renderDiff(await cache.diff(from, options))
}

/** A line for each name: `+` added, `-` removed, `~` moved from one image to another. */
export function renderDiff(report: DiffReport): DocumentOutcome {
  const { from, to, added, removed, moved } = report
  const changes = [
    ...added.map(({ reference, digest }) => ({ reference, line: `+ ${reference} ${digest}` })),
    ...removed.map(({ reference, digest }) => ({ reference, line: `- ${reference} ${digest}` })),
    ...moved.map((each) => ({ reference: each.reference, line: `~ ${each.reference} ${each.from} ${each.to}` })),
  ].sort((a, b) => (a.reference < b.reference ? -1 : 1))
  const total = `${added.length} added, ${removed.length} removed, ${moved.length} moved`
  return {
    kind: 'document',
    document: report,
    lines: [
      ...changes.map(({ line }) => printable(line)),
      `${total} between positions ${from.position} and ${to.position}`,
    ],
    problems: [],
    exitCode: 0,
  }
}
