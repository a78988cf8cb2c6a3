import type { Cache, ExportOptions, ExportReport } from '../index.js'
import type { Outcome } from './outcome.js'
import { table } from './table.js'
import { count, formatBytes, withReferrers } from './units.js'

/** `hearth export REF...`: writes images to an archive or a folder. */
export async function exportImages(
  cache: Cache,
  references: readonly string[],
  options: ExportOptions,
): Promise<Outcome> {
  const report = await cache.export(references, options)
  // Standard output is the archive itself.
  return options.output === '-' ? { kind: 'stream', lines: nothing } : renderExport(report)
}

/** A line for each image, and one that sums it up. */
export function renderExport(report: ExportReport): Outcome {
  const { images, referrers, blobs, bytes } = report
  return {
    kind: 'document',
    document: report,
    lines: [
      ...table(images.map(({ name, digest, platforms }) => [name ?? '-', digest, platforms.join(',') || '-'])),
      `${count(images.length, 'image')}${withReferrers(referrers)}: ${formatBytes(bytes)} in ${count(blobs, 'blob')} exported`,
    ],
    problems: [],
    exitCode: 0,
  }
}

async function* nothing(): AsyncIterable<string> {}
