import type { Cache, CompactOptions, CompactReport } from '../index.js'
import type { DocumentOutcome } from './outcome.js'
import { count, formatBytes } from './units.js'

/** `hearth log --compact`: moves old records of the log to archive files. */
export async function compact(cache: Cache, options: CompactOptions = {}): Promise<DocumentOutcome> {
  return renderCompacted(await cache.compactLog(options))
}

export function renderCompacted(report: CompactReport): DocumentOutcome {
  const { records, archives } = report
  return {
    kind: 'document',
    document: report,
    lines: [
      ...archives.map(({ from, through, size }) => `archived records ${from} to ${through} (${formatBytes(size)})`),
      `${count(records, 'record')} moved to ${count(archives.length, 'archive')}`,
    ],
    problems: [],
    exitCode: 0,
  }
}
