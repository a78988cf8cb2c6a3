import { HearthError } from '../errors.js'
import type { Where } from './where.js'

/** A part of a body: bytes `first` to `last`, both included, of `total`. */
export interface ContentRange {
  readonly first: number
  readonly last: number
  readonly total: number
}

/** What was asked for: bytes from `offset` up to but not including `end`, of a blob of `size` bytes. */
export interface AskedRange {
  readonly offset: number
  readonly end: number
  readonly size: number
}

/**
 * Reads a Content-Range that names a part of a body of known length; undefined for anything else.
 * Spec: RFC 9110 section 14.4, without `*` for the length: a blob's size is always known.
 *
 *     content-range ::= "bytes " first "-" last "/" total
 */
export function parseContentRange(text: string): ContentRange | undefined {
  const numbers = /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16})$/i.exec(text.trim())?.slice(1).map(Number)
  if (numbers === undefined || !numbers.every(Number.isSafeInteger)) return undefined
  const [first = 0, last = 0, total = 0] = numbers
  return first <= last && last < total ? { first, last, total } : undefined
}

/**
 * Makes sure that a 206 holds exactly what was asked for: bytes put at the wrong place would cost the whole blob.
 * @param header the response's Content-Range, as received: missing, twice or for another range are all refused.
 * @throws HearthError RANGE_INVALID
 */
export function checkContentRange(
  header: string | readonly string[] | undefined,
  asked: AskedRange,
  where: Where,
): void {
  const values = typeof header === 'string' ? [header] : (header ?? [])
  const found = values.length === 1 ? parseContentRange(values[0] ?? '') : undefined
  if (found?.first === asked.offset && found.last === asked.end - 1 && found.total === asked.size) return
  const expected = `bytes ${asked.offset}-${asked.end - 1}/${asked.size}`
  const actual = found === undefined ? 'nothing readable' : `bytes ${found.first}-${found.last}/${found.total}`
  throw new HearthError('RANGE_INVALID', `${where.host} sent another range than asked`, { ...where, expected, actual })
}
