import type { Cache, PinReport, SignalOptions } from '../index.js'
import { failureLine } from './failure.js'
import { type DocumentOutcome, exitCodeOf } from './outcome.js'
import { printable } from './printable.js'

/** `hearth pin REF...`: keeps references from being evicted. */
export async function pin(
  cache: Cache,
  references: readonly string[],
  options: SignalOptions = {},
): Promise<DocumentOutcome> {
  return renderPins(await cache.pin(references, options), 'pinned')
}

/** `hearth unpin REF...`: lets them be evicted again. */
export async function unpin(
  cache: Cache,
  references: readonly string[],
  options: SignalOptions = {},
): Promise<DocumentOutcome> {
  return renderPins(await cache.unpin(references, options), 'unpinned')
}

export function renderPins(report: PinReport, done: 'pinned' | 'unpinned'): DocumentOutcome {
  const { changed, unchanged, failed } = report
  return {
    kind: 'document',
    document: report,
    lines: [
      ...changed.map((reference) => `${done} ${printable(reference)}`),
      ...unchanged.map((reference) => `${printable(reference)} ${done === 'pinned' ? 'was pinned' : 'was not pinned'}`),
    ],
    problems: failed.map(({ reference, failure }) => failureLine(failure, reference)),
    exitCode: exitCodeOf(failed.map(({ failure }) => failure)),
  }
}
