import type { Cache, FailedSource, ImportedSource, ImportOptions, ImportReport } from '../index.js'
import { failureLine } from './failure.js'
import { type DocumentOutcome, exitCodeOf } from './outcome.js'
import { table } from './table.js'
import { count, formatBytes, withReferrers } from './units.js'

/** `hearth import SOURCE...`: brings images from archives and layouts into the cache. */
export async function importImages(
  cache: Cache,
  sources: readonly string[],
  options: ImportOptions = {},
): Promise<DocumentOutcome> {
  return renderImport(await cache.import(sources, options))
}

/** A line for each image, one problem for each source that brought nothing. */
export function renderImport(report: ImportReport): DocumentOutcome {
  const imported = report.results.filter((result): result is ImportedSource => result.ok)
  const failed = report.results.filter((result): result is FailedSource => !result.ok)
  return {
    kind: 'document',
    document: report,
    lines: imported.length === 0 ? [] : linesOf(imported),
    problems: failed.map(({ source, failure }) => failureLine(failure, source)),
    exitCode: exitCodeOf(failed.map(({ failure }) => failure)),
  }
}

/** The images of all sources, and a line that sums them up. */
export function linesOf(sources: readonly ImportedSource[], done = 'imported'): readonly string[] {
  const images = sources.flatMap((source) => source.images)
  const sum = (what: 'blobs' | 'bytes' | 'referrers') => sources.reduce((total, source) => total + source[what], 0)
  return [
    ...table(
      images.map(({ reference, digest, platforms, size, changed }) => {
        return [reference, digest, platforms.join(',') || '-', formatBytes(size), changed ? done : 'up to date']
      }),
      [3],
    ),
    `${count(images.length, 'image')}${withReferrers(sum('referrers'))}: ${formatBytes(sum('bytes'))} in ${count(sum('blobs'), 'blob')} ${done}`,
  ]
}
