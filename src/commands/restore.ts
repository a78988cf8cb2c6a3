import type { Cache, RestoreOptions, RestoreReport } from '../index.js'
import { failureLine } from './failure.js'
import { type DocumentOutcome, exitCodeOf } from './outcome.js'
import { printable } from './printable.js'

/** `hearth restore REF... --at MOMENT`: sets references to what they stood for. */
export async function restore(
  cache: Cache,
  references: readonly string[],
  options: RestoreOptions,
): Promise<DocumentOutcome> {
  return renderRestored(await cache.restore(references, options))
}

/** What was restored; what could not be, each missing blob on a line of its own. */
export function renderRestored(report: RestoreReport): DocumentOutcome {
  const { restored, failed } = report
  return {
    kind: 'document',
    document: report,
    lines: restored.map(({ reference, digest, changed }) =>
      printable(changed ? `restored ${reference} to ${digest}` : `${reference} is ${digest} already`),
    ),
    problems: failed.flatMap(({ reference, failure, missing }) => [
      failureLine(failure, reference),
      ...missing.map((digest) => `  missing ${digest}`),
    ]),
    exitCode: exitCodeOf(failed.map(({ failure }) => failure)),
  }
}
