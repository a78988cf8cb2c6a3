import { ERRORS, type Failure, isHearthError } from '../errors.js'
import { printable } from './printable.js'
import { redact } from './redact.js'

/** The details that tell where something went wrong and what was lacking, in the order in which they are shown. */
const WHERE = ['host', 'target', 'step', 'path', 'needed', 'free', 'expected', 'actual'] as const
/** Words that a message may hold by chance: they are shown in any case. */
const SHORT = new Set<string>(['host', 'target', 'step'])
const BYTES = new Set<string>(['needed', 'free'])
const MAX_CAUSES = 8

/**
 * One line for standard error: `hearth: CODE: subject: message (host …, step …)`.
 * @param subject what failed, unless the message already names it.
 */
export function failureLine({ code, message: whole, details }: Failure, subject?: string): string {
  // An INTERNAL failure that crossed a thread carries its stack as the message.
  const message = code === 'INTERNAL' ? redact(firstLine(whole)) : whole
  const named = subject === undefined || message.includes(subject) ? '' : `${subject}: `
  const where = WHERE.flatMap((name) => {
    const value = details[name]
    return value === undefined || (!SHORT.has(name) && message.includes(String(value)))
      ? []
      : [`${name} ${value}${BYTES.has(name) ? ' bytes' : ''}`]
  })
  const place = where.length === 0 ? '' : ` (${where.join(', ')})`
  return `hearth: ${code}: ${printable(named + message + place)}`
}

/** What was thrown, as plain data for `--json`. The message of an error that is not ours is one line, redacted. */
export function failureOf(error: unknown): Failure {
  if (isHearthError(error)) return { code: error.code, message: error.message, details: error.details }
  return { code: 'INTERNAL', message: redact(messageOf(error)), details: {} }
}

/** What was thrown, for standard error. With `verbose` also its stack and causes, without secrets. */
export function errorLines(error: unknown, { verbose = false }: { readonly verbose?: boolean } = {}): string[] {
  const lines = [failureLine(failureOf(error))]
  if (!verbose) return lines
  let cause: unknown = error
  for (let depth = 0; cause !== undefined && depth < MAX_CAUSES; depth++) {
    if (depth > 0) lines.push(`caused by: ${printable(redact(`${codeOf(cause)}${messageOf(cause)}`))}`)
    lines.push(...stackOf(cause))
    cause = cause instanceof Error ? cause.cause : undefined
  }
  return lines
}

/** The exit code for what was thrown. */
export function exitCodeOfError(error: unknown): number {
  return ERRORS[failureOf(error).code].exitCode
}

function messageOf(error: unknown): string {
  return firstLine(error instanceof Error ? error.message || error.name : String(error))
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? ''
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? `${code}: ` : ''
}

function stackOf(error: unknown): string[] {
  if (!(error instanceof Error) || error.stack === undefined) return []
  return error.stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .map((line) => printable(redact(line)))
}
