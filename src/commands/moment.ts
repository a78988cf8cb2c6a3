import type { Moment } from '../index.js'
import { parseDuration } from './quantities.js'

const TIME = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})?)?$/

/**
 * A point in the history of a cache as people write it: a position of the log (`57`), how long ago (`12h`), or a time
 * (`2026-01-02`, `2026-01-02T03:04Z`); undefined for what is none. Without a zone, a time is that of this machine.
 *
 *     moment ::= digits | duration | date [("T" | " ") hours ":" minutes [":" seconds ["." digits]] [zone]]
 *     zone   ::= "Z" | ("+" | "-") hours ":" minutes
 *
 * @param now milliseconds since 1970.
 */
export function parseMoment(text: string, now: number): Moment | undefined {
  if (/^\d+$/.test(text)) return Number.isSafeInteger(Number(text)) ? Number(text) : undefined
  const ago = parseDuration(text)
  if (ago !== undefined) return valid(new Date(now - ago))
  if (!TIME.test(text)) return undefined
  // A date alone would be taken for one in UTC, and the 30th of February for the 2nd of March.
  const whole = text.length === 10 ? `${text}T00:00` : text.replace(' ', 'T')
  const time = new Date(whole)
  const day = new Date(`${text.slice(0, 10)}T00:00Z`)
  const exists = !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text.slice(0, 10))
  return exists ? valid(time) : undefined
}

/** A time that no Date can hold compares with none: everything would be before it, and everything after it. */
function valid(time: Date): Date | undefined {
  return Number.isNaN(time.getTime()) ? undefined : time
}
