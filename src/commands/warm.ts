import type { Cache, PlannedImage, WarmOptions, WarmPlan, WarmPlanOptions, WarmReport } from '../index.js'
import { failureLine } from './failure.js'
import { type DocumentOutcome, exitCodeOf } from './outcome.js'
import { printable } from './printable.js'
import { renderPull } from './pull.js'
import { table } from './table.js'
import { count, formatBytes, formatDuration } from './units.js'

/** `hearth warm [REF...] [-f FILE]`: ensures that many images are in the cache, as one job. */
export async function warm(
  cache: Cache,
  references: readonly string[],
  options: WarmOptions = {},
): Promise<DocumentOutcome> {
  return renderWarm(await cache.warm(references, options))
}

/** `hearth warm --dry-run`: what that would fetch. */
export async function planWarm(
  cache: Cache,
  references: readonly string[],
  options: WarmPlanOptions = {},
): Promise<DocumentOutcome> {
  return renderPlan(await cache.planWarm(references, options))
}

/** As for a pull, and one line that sums it up. Images that were only stopped are not why it failed. */
export function renderWarm(report: WarmReport): DocumentOutcome {
  const { totals, results } = report
  const { images, pulled, upToDate, failed, fetchedBytes, fetchedBlobs, elapsedMs } = totals
  const failures = results.flatMap((result) => (result.ok ? [] : [result.failure]))
  const causes = failures.filter(({ code }) => code !== 'ABORTED')
  const fetched = `${formatBytes(fetchedBytes)} in ${count(fetchedBlobs, 'blob')} fetched`
  const parts = [`${pulled} pulled`, `${upToDate} up to date`, `${failed} failed`, fetched, formatDuration(elapsedMs)]
  const rendered = renderPull(report)
  return {
    ...rendered,
    document: report,
    lines: [...rendered.lines, `${count(images, 'image')}: ${parts.join(', ')}`],
    exitCode: exitCodeOf(causes.length > 0 ? causes : failures),
  }
}

/** A row for each image, with its share of what would be fetched. */
export function renderPlan(plan: WarmPlan): DocumentOutcome {
  const { images, built, totals } = plan
  const planned = images.flatMap((image) => (image.ok ? [image] : []))
  const failed = images.flatMap((image) => (image.ok ? [] : [image]))
  const header = ['REFERENCE', 'DIGEST', 'PLATFORMS', 'FETCH', 'SHARED', 'PRESENT']
  const parts = [
    `${formatBytes(totals.fetchBytes)} in ${count(totals.fetchBlobs, 'blob')} to fetch`,
    `${formatBytes(totals.sharedBytes)} saved by sharing`,
    `${formatBytes(totals.presentBytes)} present`,
  ]
  return {
    kind: 'document',
    document: plan,
    lines: [
      ...table([header, ...planned.map(rowOf)], [3, 4, 5]),
      `${count(totals.images, 'image')}: ${parts.join(', ')}`,
      ...built.map((reference) => `left, as a Compose file builds it: ${printable(reference)}`),
    ],
    problems: failed.map(({ failure, reference, requested }) => failureLine(failure, reference ?? requested)),
    exitCode: exitCodeOf(failed.map(({ failure }) => failure)),
  }
}

function rowOf({ reference, digest, platforms, fetchBytes, sharedBytes, presentBytes }: PlannedImage): string[] {
  const sizes = [fetchBytes, sharedBytes, presentBytes].map(formatBytes)
  return [reference, digest, platforms.join(',') || '-', ...sizes]
}
