import { type ErrorCode, HearthError } from '../errors.js'

/** Deeper than any manifest, and shallow enough that walking a value may recurse. */
const MAX_DEPTH = 64

const [QUOTE, BACKSLASH, COLON] = [0x22, 0x5c, 0x3a]
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d]

export interface StrictJsonOptions {
  /** What is being read, for the error: `manifest`. */
  readonly what: string
  /** Default MANIFEST_INVALID. */
  readonly code?: ErrorCode
}

/**
 * The value of JSON that came from outside, where every reader has to understand the same thing. Refused besides what
 * JSON.parse refuses: bytes that are not UTF-8, a byte order mark, a member name that occurs twice in an object, nesting
 * deeper than 64, numbers beyond a double and strings with half a surrogate pair. A member `__proto__` is an ordinary
 * own property of the result. The caller limits the size: 4 MiB of layers take 30 ms, twice what JSON.parse alone does,
 * and 350,000 names in one object 0.3 s.
 *
 * @throws HearthError `options.code`
 */
export function parseStrictJson(bytes: Uint8Array, options: StrictJsonOptions): unknown {
  const text = decode(bytes, options)
  const { depth, members, escapedSurrogates } = scan(bytes)
  if (depth > MAX_DEPTH) throw invalid(options, `is nested deeper than ${MAX_DEPTH}`)
  const value = parse(text, options)
  const seen = check(value, escapedSurrogates, options)
  // JSON.parse keeps one of several members of the same name, whichever way each is escaped: some are missing then.
  if (seen !== members) throw invalid(options, 'names a member twice in one object')
  return value
}

function decode(bytes: Uint8Array, options: StrictJsonOptions): string {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    if (cause instanceof TypeError) throw invalid(options, 'is not UTF-8', cause)
    throw cause
  }
  if (text.startsWith('\ufeff')) throw invalid(options, 'begins with a byte order mark')
  return text
}

function parse(text: string, options: StrictJsonOptions): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    if (cause instanceof SyntaxError) throw invalid(options, 'is not JSON', cause)
    throw cause
  }
}

interface Scan {
  /** Arrays and objects within one another, at most. */
  readonly depth: number
  /** Colons outside of strings: in valid JSON, one for each member of each object. */
  readonly members: number
  /** Some string holds a `\ud...` or `\uD...`; since UTF-8 has no surrogates, half a pair can hide nowhere else. */
  readonly escapedSurrogates: boolean
}

/** One pass over the bytes (no byte of a longer UTF-8 sequence looks like ASCII). Meaningful for valid JSON only. */
function scan(bytes: Uint8Array): Scan {
  let [depth, deepest, members] = [0, 0, 0]
  let escapedSurrogates = false
  let inString = false
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]
    if (inString) {
      if (byte === QUOTE) inString = false
      else if (byte === BACKSLASH) {
        at++
        // 0x20 folds the case: "u" then "d" or "D".
        if (bytes[at] === 0x75 && ((bytes[at + 1] ?? 0) | 0x20) === 0x64) escapedSurrogates = true
      }
    } else if (byte === QUOTE) inString = true
    else if (byte === COLON) members++
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) deepest = Math.max(deepest, ++depth)
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth--
  }
  return { depth: deepest, members, escapedSurrogates }
}

/** Refuses what no reader should get, and counts the members of all objects. Recursion ends at {@link MAX_DEPTH}. */
function check(value: unknown, surrogates: boolean, options: StrictJsonOptions): number {
  if (typeof value === 'number' && !Number.isFinite(value)) throw invalid(options, 'has a number that is too large')
  if (typeof value === 'string' && surrogates) checkPairs(value, options)
  if (typeof value !== 'object' || value === null) return 0
  let members = 0
  if (Array.isArray(value)) {
    for (const item of value) members += check(item, surrogates, options)
    return members
  }
  // Not Object.entries: with 350,000 names that takes 320 ms, this 130.
  for (const name of Object.keys(value)) {
    if (surrogates) checkPairs(name, options)
    members += 1 + check((value as Record<string, unknown>)[name], surrogates, options)
  }
  return members
}

function checkPairs(text: string, options: StrictJsonOptions): void {
  if (/\p{Surrogate}/u.test(text)) throw invalid(options, 'has a string with half a surrogate pair')
}

function invalid({ what, code = 'MANIFEST_INVALID' }: StrictJsonOptions, why: string, cause?: unknown): HearthError {
  return new HearthError(code, `${what} ${why}`, { what }, cause)
}
