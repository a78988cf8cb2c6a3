import type { Cache, LockChange, LockOptions, LockReport } from '../index.js'
import { failureLine } from './failure.js'
import { type DocumentOutcome, exitCodeOf } from './outcome.js'
import { printable } from './printable.js'
import { count } from './units.js'
import { unreachable } from './unreachable.js'

/** `hearth lock FILE...`: writes down what every name stands for now. */
export async function lock(cache: Cache, options: LockOptions = {}): Promise<DocumentOutcome> {
  return renderLock(await cache.lock([], options), options)
}

/** The lock itself where no file was named for it; else what happened to the file. */
export function renderLock(report: LockReport, { output }: Pick<LockOptions, 'output'> = {}): DocumentOutcome {
  const { changes, failures, written } = report
  const images = count(Object.keys(report.lock.images).length, 'image')
  const moved = changes.length === 0 ? 'nothing moved' : `${changes.length} moved`
  const { text: _, ...document } = report
  return {
    kind: 'document',
    document,
    lines: [
      ...(output === undefined && failures.length === 0 ? report.text.trimEnd().split('\n') : []),
      ...changes.map(changeLine),
      ...(written === undefined ? [] : [`${printable(written)}: ${images}, ${moved}`]),
    ],
    problems: failures.map(({ failure, reference, requested }) => failureLine(failure, reference ?? requested)),
    exitCode: exitCodeOf(failures.map(({ failure }) => failure)),
  }
}

function changeLine(change: LockChange): string {
  const { kind, reference, digest } = change
  switch (kind) {
    case 'added':
      return `+ ${printable(reference)} ${digest}`
    case 'removed':
      return `- ${printable(reference)} ${digest}`
    case 'changed':
      return change.before === digest
        ? `~ ${printable(reference)} ${digest}, other platforms`
        : `~ ${printable(reference)} ${change.before} -> ${digest}`
    default:
      return unreachable(kind)
  }
}
