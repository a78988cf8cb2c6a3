import { type HeaderFields, singleHeader } from './header-fields.js'

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const DAY = '(?<day>0[1-9]|[12]\\d|3[01])'
/** 60: a leap second. */
const TIME = '(?<h>[01]\\d|2[0-3]):(?<m>[0-5]\\d):(?<s>[0-5]\\d|60)'
/** RFC 9110 section 5.6.7: today's form, and the two old ones that a recipient must still read. */
const FORMS = [
  new RegExp(`^[A-Z][a-z]{2}, ${DAY} (?<month>[A-Z][a-z]{2}) (?<year>\\d{4}) ${TIME} GMT$`),
  new RegExp(`^[A-Z][a-z]{5,8}, ${DAY}-(?<month>[A-Z][a-z]{2})-(?<year>\\d\\d) ${TIME} GMT$`),
  new RegExp(`^[A-Z][a-z]{2} (?<month>[A-Z][a-z]{2}) (?<day> [1-9]|[12]\\d|3[01]) ${TIME} (?<year>\\d{4})$`),
]

/**
 * How long the server asks us to stay away, in milliseconds; undefined when it does not say, says it badly, or the time has
 * passed. A date is taken relative to the response's own Date, so that a wrong clock here or there does not matter.
 * @param nowMs stands in for a Date that the response lacks.
 */
export function retryAfterMs(headers: HeaderFields, nowMs: number): number | undefined {
  const value = singleHeader(headers, 'retry-after')?.trim()
  if (value === undefined) return undefined
  const delay = /^\d{1,12}$/.test(value) ? Number(value) * 1000 : untilDate(value, headers, nowMs)
  return delay > 0 ? delay : undefined
}

/** Milliseconds since 1970; NaN when `text` is no HTTP date. */
export function parseHttpDate(text: string): number {
  for (const form of FORMS) {
    const { day, month, year, h, m, s } = form.exec(text)?.groups ?? {}
    if (month === undefined || !MONTHS.includes(month)) continue
    const fullYear = year?.length === 2 ? 2000 + Number(year) : Number(year)
    return Date.UTC(fullYear, MONTHS.indexOf(month), Number(day), Number(h), Number(m), Number(s))
  }
  return Number.NaN
}

/** NaN, which compares as false, when the date is none. */
function untilDate(value: string, headers: HeaderFields, nowMs: number): number {
  const date = parseHttpDate(singleHeader(headers, 'date')?.trim() ?? '')
  return parseHttpDate(value) - (Number.isNaN(date) ? nowMs : date)
}
