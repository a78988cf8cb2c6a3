import type { Cache, PulledImage, PullOptions, PullReport } from '../index.js'
import { failureLine } from './failure.js'
import { type DocumentOutcome, exitCodeOf } from './outcome.js'
import { table } from './table.js'
import { formatBytes } from './units.js'

/** `hearth pull REF...`: ensures that the images are in the cache. */
export async function pull(
  cache: Cache,
  references: readonly string[],
  options: PullOptions = {},
): Promise<DocumentOutcome> {
  return renderPull(await cache.pull(references, options))
}

/** One line for each image that is there, one problem for each that is not or that could not be checked. */
export function renderPull(report: PullReport): DocumentOutcome {
  const pulled = report.results.flatMap((result) => (result.ok ? [result] : []))
  const failed = report.results.flatMap((result) => (result.ok ? [] : [result]))
  return {
    kind: 'document',
    document: report,
    lines: table(pulled.map(rowOf), [3]),
    problems: [
      ...pulled.flatMap(({ unchecked, reference }) =>
        unchecked === undefined ? [] : [`${failureLine(unchecked, reference)}; what the cache has stands`],
      ),
      ...failed.map(({ failure, reference, requested }) => failureLine(failure, reference ?? requested)),
    ],
    exitCode: exitCodeOf(failed.map(({ failure }) => failure)),
  }
}

function rowOf(image: PulledImage): string[] {
  const { reference, digest, platforms, size } = image
  return [reference, digest, platforms.join(',') || '-', formatBytes(size), stateOf(image)]
}

function stateOf({ changed, fetchedBlobs, unchecked }: PulledImage): string {
  // Another platform of a digest that was there already fetches blobs without changing the name.
  if (changed || fetchedBlobs > 0) return 'pulled'
  return unchecked === undefined ? 'up to date' : 'not checked'
}
