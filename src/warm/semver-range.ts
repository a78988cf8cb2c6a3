/**
 * Version ranges as skopeo's `images-by-semver` has them, which are not npm's: `!=` and commas exist, `=1.2` takes every
 * 1.2.x, and tags like `v1.2` and `3` count as versions.
 */

interface Version {
  readonly triple: Triple
  /** `''` for a release. */
  readonly prerelease: string
}

type Triple = readonly [major: number, minor: number, patch: number]

/** Whether a tag is a version that the range includes. */
export type SemverRange = (tag: string) => boolean

type Test = (version: Version) => boolean

// 15 digits are exact as a number; dates and build numbers fit.
const NUMBER = '0|[1-9]\\d{0,14}'
const PRERELEASE = '[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*'
const SUFFIX = `(?:-(${PRERELEASE}))?(?:\\+${PRERELEASE})?`
const VERSION = new RegExp(`^v?(${NUMBER})(?:\\.(${NUMBER}))?(?:\\.(${NUMBER}))?${SUFFIX}$`)

// comparator ::= [ operator ] [ "v" ] part [ "." part [ "." part ] ] [ "-" prerelease ] [ "+" build ]
// part ::= number | "x" | "X" | "*"          a missing part is a wildcard, except in "<", ">=" and a full version
const PART = `${NUMBER}|[xX*]`
const PARTIAL = `v?(${PART})(?:\\.(${PART}))?(?:\\.(${PART}))?${SUFFIX}`
const COMPARATOR = new RegExp(`^\\s*(=|!=|>=|=>|<=|=<|>|<|~>|~|\\^)?\\s*${PARTIAL}(?=[\\s,]|$)\\s*,?`)
const HYPHEN = new RegExp(`^\\s*(${PARTIAL})\\s+-\\s+(${PARTIAL})(?=[\\s,]|$)\\s*,?`)

/**
 * Parses a range: comparators joined by blanks or commas must all hold, alternatives are joined by `||`; `1.2 - 1.4` is a
 * range from one to the other. Prereleases count only where the alternative itself names one.
 * @returns undefined for what is no range.
 */
export function parseSemverRange(text: string): SemverRange | undefined {
  const alternatives = text.split('||').map(parseAlternative)
  if (alternatives.includes(undefined)) return undefined
  return (tag) => {
    const version = parseVersion(tag)
    return version !== undefined && alternatives.some((accepts) => accepts?.(version))
  }
}

/** A version as tags have it: minor and patch may be missing, a `v` may stand before it. */
function parseVersion(text: string): Version | undefined {
  const [found, major, minor = '0', patch = '0', prerelease = ''] = VERSION.exec(text) ?? []
  if (found === undefined || text.length > 128) return undefined
  return { triple: [Number(major), Number(minor), Number(patch)], prerelease }
}

function parseAlternative(text: string): Test | undefined {
  const tests: Test[] = []
  let namesPrerelease = false
  const add = (operator: string, parts: readonly (string | undefined)[]): void => {
    const partial = readPartial(parts)
    namesPrerelease ||= partial.floor.prerelease !== ''
    tests.push(testFor(operator, partial))
  }
  let rest = text.trim() === '' ? '*' : text
  while (rest.trim() !== '') {
    const hyphen = HYPHEN.exec(rest)
    const comparator = hyphen ?? COMPARATOR.exec(rest)
    if (comparator === null) return undefined
    if (hyphen !== null) {
      add('>=', hyphen.slice(2, 6))
      add('<=', hyphen.slice(7, 11))
    } else add(comparator[1] ?? '=', comparator.slice(2, 6))
    rest = rest.slice(comparator[0].length)
  }
  return (version) =>
    (namesPrerelease || version.prerelease === '') && tests.length > 0 && tests.every((accepts) => accepts(version))
}

interface Partial {
  /** With zeros for wildcards. */
  readonly floor: Version
  /** Parts that are given: 0 for `*`, 2 for `1.2`, 3 for a whole version. */
  readonly given: number
}

function readPartial([major, minor, patch, prerelease = '']: readonly (string | undefined)[]): Partial {
  const parts = [major, minor, patch]
  const wildcard = parts.findIndex((part) => part === undefined || !/^\d/.test(part))
  const given = wildcard === -1 ? 3 : wildcard
  const [a = 0, b = 0, c = 0] = parts.slice(0, given).map(Number)
  return { floor: { triple: [a, b, c], prerelease }, given }
}

function testFor(operator: string, partial: Partial): Test {
  const { floor, given } = partial
  const from: Test = (version) => compare(version, floor) >= 0
  const wildcards: Test = (version) => from(version) && below(version, ceiling(floor, given))
  switch (operator) {
    case '!=':
      return given === 3 ? (version) => compare(version, floor) !== 0 : (version) => !wildcards(version)
    case '>':
      return given === 3
        ? (version) => compare(version, floor) > 0
        : (version) => !below(version, ceiling(floor, given))
    case '>=':
    case '=>':
      return from
    case '<':
      return (version) => compare(version, floor) < 0
    case '<=':
    case '=<':
      return given === 3
        ? (version) => compare(version, floor) <= 0
        : (version) => below(version, ceiling(floor, given))
    case '~':
    case '~>':
      return (version) => from(version) && below(version, ceiling(floor, Math.min(given, 2)))
    case '^':
      return (version) => from(version) && below(version, ceiling(floor, caretParts(partial)))
    default:
      return given === 3 ? (version) => compare(version, floor) === 0 : wildcards
  }
}

/** How many leading parts `^` holds fast: up to the first that is not zero, or that is not given. */
function caretParts({ floor, given }: Partial): number {
  const firstSet = floor.triple.findIndex((part) => part > 0)
  return Math.min(given, firstSet === -1 ? 3 : firstSet + 1)
}

/** The first release whose leading `parts` parts are others; none when nothing is held fast. */
function ceiling({ triple: [major, minor, patch] }: Version, parts: number): Triple | undefined {
  if (parts === 0) return undefined
  if (parts === 1) return [major + 1, 0, 0]
  return parts === 2 ? [major, minor + 1, 0] : [major, minor, patch + 1]
}

/** By numbers alone: a prerelease of the ceiling lies beyond it. */
function below({ triple }: Version, limit: Triple | undefined): boolean {
  return limit === undefined || compareTriples(triple, limit) < 0
}

/** Spec: semver.org 2.0.0 section 11. */
function compare(a: Version, b: Version): number {
  return compareTriples(a.triple, b.triple) || comparePrereleases(a.prerelease, b.prerelease)
}

function compareTriples(a: Triple, b: Triple): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2]
}

function comparePrereleases(a: string, b: string): number {
  if (a === b) return 0
  if (a === '' || b === '') return a === '' ? 1 : -1
  const [left, right] = [a.split('.'), b.split('.')]
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const [one, other] = [left[at], right[at]]
    if (one === other) continue
    if (one === undefined || other === undefined) return one === undefined ? -1 : 1
    return compareIdentifiers(one, other)
  }
  return 0
}

function compareIdentifiers(a: string, b: string): number {
  const [numericA, numericB] = [/^\d+$/.test(a), /^\d+$/.test(b)]
  if (numericA && numericB) return a.length - b.length || (a < b ? -1 : 1)
  if (numericA !== numericB) return numericA ? -1 : 1
  return a < b ? -1 : 1
}
