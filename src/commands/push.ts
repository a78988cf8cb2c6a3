import type { Cache, PushedImage, PushOptions, PushReport } from '../index.js'
import { failureLine } from './failure.js'
import { type DocumentOutcome, exitCodeOf } from './outcome.js'
import { table } from './table.js'
import { count, formatBytes, withReferrers } from './units.js'

/** `hearth push REF...`: puts images of the cache into their registries. */
export async function push(
  cache: Cache,
  references: readonly string[],
  options: PushOptions = {},
): Promise<DocumentOutcome> {
  return renderPush(await cache.push(references, options))
}

/** One line for each name that the registry has now, one problem for each image that it does not have. */
export function renderPush(report: PushReport): DocumentOutcome {
  const pushed = report.results.flatMap((result) => (result.ok ? [result] : []))
  const failed = report.results.flatMap((result) => (result.ok ? [] : [result]))
  return {
    kind: 'document',
    document: report,
    lines: table(pushed.flatMap(rowsOf), []),
    problems: failed.map(({ failure, reference, requested }) => failureLine(failure, reference ?? requested)),
    exitCode: exitCodeOf(failed.map(({ failure }) => failure)),
  }
}

function rowsOf({ remote, digest, tags, changed, referrers, ...sent }: PushedImage): string[][] {
  return [
    [remote, digest, (changed ? sentText(sent) : 'up to date') + withReferrers(referrers)],
    ...tags.map((tag) => [tag, '', '']),
  ]
}

/** `3 blobs sent (1.2 MiB), 2 mounted, 1 there already`. */
function sentText({ uploadedBlobs, uploadedBytes, mountedBlobs, presentBlobs }: Sent): string {
  return [
    `${count(uploadedBlobs, 'blob')} sent${uploadedBlobs === 0 ? '' : ` (${formatBytes(uploadedBytes)})`}`,
    ...(mountedBlobs > 0 ? [`${mountedBlobs} mounted`] : []),
    ...(presentBlobs > 0 ? [`${presentBlobs} there already`] : []),
  ].join(', ')
}

type Sent = Pick<PushedImage, 'uploadedBlobs' | 'uploadedBytes' | 'mountedBlobs' | 'presentBlobs'>
