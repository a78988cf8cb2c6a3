const KILO = 1000
const KIBI = 1024
const FACTORS: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['b', 1],
  ...['k', 'm', 'g', 't', 'p'].flatMap((prefix, power): [string, number][] => [
    [`${prefix}b`, KILO ** (power + 1)],
    [`${prefix}ib`, KIBI ** (power + 1)],
  ]),
])

/**
 * A size as people write it, in bytes: `20GiB`, `1.5 GB`, `500mb`, or a plain number of bytes; undefined for what is none. `G`
 * alone is refused: some programs take it for 1000³, others for 1024³.
 *
 *     size ::= number [" "] unit | digits       number ::= digits ["." digits]
 *     unit ::= ("k" | "m" | "g" | "t" | "p") ["i"] "b" | "b"       in upper or lower case
 */
export function parseBytes(text: string): number | undefined {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)(?: ?([a-z]+))?$/i.exec(text) ?? []
  const factor = FACTORS.get(unit.toLowerCase())
  if (number === '' || factor === undefined || (unit === '' && number.includes('.'))) return undefined
  const bytes = Math.round(Number(number) * factor)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

const DURATION = /^(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/
/** Of the groups above. */
const UNITS_MS = [7 * 86_400_000, 86_400_000, 3_600_000, 60_000, 1000]

/**
 * A span of time as people write it, in milliseconds: `7d`, `12h`, `1d12h`, `90m`, `30s`; undefined for what is none. Largest
 * unit first, each once; a number without a unit could mean anything.
 *
 *     duration ::= [digits "w"] [digits "d"] [digits "h"] [digits "m"] [digits "s"]       at least one of them
 */
export function parseDuration(text: string): number | undefined {
  const [whole = '', ...amounts] = DURATION.exec(text) ?? []
  if (whole === '') return undefined
  const ms = amounts.reduce((sum, amount, place) => sum + Number(amount ?? 0) * (UNITS_MS[place] ?? 0), 0)
  return Number.isSafeInteger(ms) ? ms : undefined
}
