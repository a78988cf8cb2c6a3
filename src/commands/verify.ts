import { ERRORS } from '../errors.js'
import type { Cache, VerifyOptions, VerifyProblem, VerifyReport } from '../index.js'
import { failureLine } from './failure.js'
import type { DocumentOutcome } from './outcome.js'
import { table } from './table.js'
import { count, formatBytes } from './units.js'

/** `hearth verify`: re-hashes every blob and checks what is said about them. */
export async function verify(cache: Cache, options: VerifyOptions = {}): Promise<DocumentOutcome> {
  return renderVerification(await cache.verify(options))
}

/** The problems, one a line, and what was checked. A problem makes the command fail, also one that is repaired now. */
export function renderVerification(report: VerifyReport): DocumentOutcome {
  const { blobs, bytes, references, events, problems, unchecked } = report
  const found = foundText(problems)
  const checked = `${count(blobs, 'blob')} (${formatBytes(bytes)}), ${count(references, 'reference')}, ${count(events, 'event')}`
  return {
    kind: 'document',
    document: report,
    lines: [
      ...table(problems.map(problemRow)),
      `${checked} checked: ${found}`,
      ...(unchecked ? [unchecked.message] : []),
    ],
    ...verdict(problems, found),
  }
}

function verdict(problems: readonly VerifyProblem[], found: string): Pick<DocumentOutcome, 'problems' | 'exitCode'> {
  if (problems.length === 0) return { problems: [], exitCode: 0 }
  const code = problems.every(isRepaired) ? 'VERIFY_REPAIRED' : 'VERIFY_FAILED'
  return { problems: [failureLine({ code, message: `found ${found}`, details: {} })], exitCode: ERRORS[code].exitCode }
}

function foundText(problems: readonly VerifyProblem[]): string {
  if (problems.length === 0) return 'no problems'
  const repaired = problems.filter(isRepaired).length
  const asked = problems.some(({ repair }) => repair !== undefined)
  return `${count(problems.length, 'problem')}${asked ? `, ${repaired} repaired` : ''}`
}

function problemRow({ kind, subject, failure, repair }: VerifyProblem): readonly string[] {
  const row = [kind, subject, failure.code, failure.message]
  if (repair === undefined) return row
  return [...row, repair.done ? `repaired: ${repair.how}` : `not repaired: ${repair.failure.message}`]
}

function isRepaired({ repair }: VerifyProblem): boolean {
  return repair?.done === true
}
