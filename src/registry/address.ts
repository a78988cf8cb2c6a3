/**
 * How far an address reaches: `loopback` is this machine (with `0.0.0.0` and `::`, which connect to it), `link-local` the
 * wire it hangs on (cloud metadata lives there), `private` the site.
 */
export type Reach = 'loopback' | 'link-local' | 'private' | 'public'

/**
 * The reach of a host that is a literal address or `localhost`; undefined for any other name. Takes the host as `URL`
 * normalises it (`2130706433` and `0177.1` have become `127.0.0.1`), with or without brackets.
 * RFC 1918, 3927, 4193, 4291, 6598, 6761.
 */
export function literalReach(hostname: string): Reach | undefined {
  const name = hostname.toLowerCase().replace(/\.$/, '')
  if (name === 'localhost' || name.endsWith('.localhost')) return 'loopback'
  const v4 = parseV4(name)
  if (v4 !== undefined) return reachOfV4(v4)
  const groups = parseV6(name.replace(/^\[(.*)\]$/, '$1'))
  return groups === undefined ? undefined : reachOfV6(groups)
}

/** Whether a literal address lies in a network such as `10.0.0.0/8` or `fd00::/8`. False for names. */
export function inNetwork(hostname: string, network: string): boolean {
  const [base = '', width = ''] = network.split('/')
  const address = bitsOf(hostname)
  const prefix = bitsOf(base)
  if (address === undefined || prefix === undefined || address.length !== prefix.length) return false
  if (!/^\d{1,3}$/.test(width) || Number(width) > prefix.length) return false
  return address.startsWith(prefix.slice(0, Number(width)))
}

/** 32 or 128 digits. */
function bitsOf(text: string): string | undefined {
  const v4 = parseV4(text)
  if (v4 !== undefined) return v4.map((byte) => byte.toString(2).padStart(8, '0')).join('')
  return parseV6(text.replace(/^\[(.*)\]$/, '$1'))
    ?.map((group) => group.toString(2).padStart(16, '0'))
    .join('')
}

function parseV4(text: string): readonly number[] | undefined {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return undefined
  const bytes = text.split('.').map(Number)
  return bytes.every((byte) => byte <= 255) ? bytes : undefined
}

/** Eight groups of 16 bits; undefined when `text` is no IPv6 address. */
function parseV6(text: string): readonly number[] | undefined {
  const address = text.replace(/%.*$/, '')
  if (!/^[0-9a-f:.]{2,45}$/.test(address) || !address.includes(':')) return undefined
  const halves = address.split('::')
  if (halves.length > 2) return undefined
  const [head = [], tail = []] = halves.map(parseGroups)
  const missing = 8 - head.length - tail.length
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined
  const groups = [...head, ...Array<number>(missing).fill(0), ...tail]
  return groups.every((group) => Number.isInteger(group) && group >= 0 && group <= 0xffff) ? groups : undefined
}

function parseGroups(half: string): number[] {
  if (half === '') return []
  return half.split(':').flatMap((group) => {
    const v4 = parseV4(group)
    if (v4 !== undefined) return toGroups(v4)
    return [/^[0-9a-f]{1,4}$/.test(group) ? Number.parseInt(group, 16) : Number.NaN]
  })
}

function toGroups([a = 0, b = 0, c = 0, d = 0]: readonly number[]): number[] {
  return [a * 256 + b, c * 256 + d]
}

function reachOfV4([a = 0, b = 0]: readonly number[]): Reach {
  if (a === 127 || a === 0) return 'loopback'
  if (a === 169 && b === 254) return 'link-local'
  if (a === 10 || (a === 172 && b >= 16 && b <= 31) || (a === 192 && b === 168)) return 'private'
  if (a === 100 && b >= 64 && b <= 127) return 'private'
  return 'public'
}

function reachOfV6(groups: readonly number[]): Reach {
  const [first = 0, second = 0] = groups
  const embedded = embeddedV4(groups)
  if (embedded !== undefined) return reachOfV4(embedded)
  if (groups.slice(0, 7).every((group) => group === 0) && (groups[7] ?? 0) <= 1) return 'loopback'
  if ((first & 0xffc0) === 0xfe80) return 'link-local'
  if ((first & 0xfe00) === 0xfc00) return first === 0xfd00 && second === 0x0ec2 ? 'link-local' : 'private'
  return 'public'
}

/** The IPv4 address inside `::ffff:a.b.c.d`, `::a.b.c.d`, `64:ff9b::a.b.c.d` and `2002:…` (mapped, compatible, NAT64, 6to4). */
function embeddedV4(groups: readonly number[]): readonly number[] | undefined {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = groups
  const bytes = (high: number, low: number): number[] => [high >> 8, high & 255, low >> 8, low & 255]
  if (a === 0x2002) return bytes(b, c)
  const nat64 = a === 0x64 && b === 0xff9b && c === 0 && d === 0 && e === 0 && f === 0
  const zeros = a === 0 && b === 0 && c === 0 && d === 0
  const mapped = zeros && ((e === 0 && f === 0xffff) || (e === 0xffff && f === 0))
  const compatible = zeros && e === 0 && f === 0 && g !== 0
  return nat64 || mapped || compatible ? bytes(g, h) : undefined
}
