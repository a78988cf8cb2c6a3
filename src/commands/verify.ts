import { ERRORS } from '../errors.js'
import type { Cache, VerifyOptions, VerifyReport } from '../index.js'
import { failureLine } from './failure.js'
import type { DocumentOutcome } from './outcome.js'
import { table } from './table.js'
import { count, formatBytes } from './units.js'

/** `hearth verify`: re-hashes every blob and checks what is said about them. */
export async function verify(cache: Cache, options: VerifyOptions = {}): Promise<DocumentOutcome> {
  return renderVerification(await cache.verify(options))
}

/** The problems, one a line, and what was checked. Any problem makes the command fail. */
export function renderVerification(report: VerifyReport): DocumentOutcome {
  const { blobs, bytes, references, events, problems } = report
  const found = problems.length === 0 ? 'no problems' : count(problems.length, 'problem')
  const checked = `${count(blobs, 'blob')} (${formatBytes(bytes)}), ${count(references, 'reference')}, ${count(events, 'event')}`
  return {
    kind: 'document',
    document: report,
    lines: [
      ...table(problems.map(({ kind, subject, failure }) => [kind, subject, failure.code, failure.message])),
      `${checked} checked: ${found}`,
    ],
    problems:
      problems.length === 0 ? [] : [failureLine({ code: 'VERIFY_FAILED', message: `${found} found`, details: {} })],
    exitCode: problems.length === 0 ? 0 : ERRORS.VERIFY_FAILED.exitCode,
  }
}
