import { HearthError, isHearthError } from '../errors.js'
import { invalidField, knownFields, parseFields } from './fields.js'
import { architectureName, isArchitecture, systemName } from './platform-names.js'
import { quote } from './quote.js'
import { formatOsVersion, isOsVersion, parseOsVersion } from './system-version.js'

/** Spec: image-spec v1.1 image-index.md "platform". */
export interface Platform {
  readonly os: string
  readonly architecture: string
  readonly variant?: string
  readonly 'os.version'?: string
  readonly 'os.features'?: readonly string[]
}

/** No "/", ":" or ",", so that a printed platform, and a list of them, can be read back. */
const PART = /^[A-Za-z0-9_.+-]{1,128}$/
const KNOWN_FIELDS = knownFields('os', 'architecture', 'variant', 'os.version', 'os.features')

/**
 * Parses what a user types. `linux` is assumed when only an architecture is given, alone or with a variant.
 *
 *     platform ::= [ os "/" ] architecture [ "/" variant ] [ ":" os-version ]
 *
 * @throws HearthError PLATFORM_INVALID
 */
export function parsePlatform(text: string): Platform {
  const [names = '', version, ...rest] = text.split(':')
  const parts = names.split('/')
  const fits = parts.length <= 3 && parts.every((part) => PART.test(part)) && rest.length === 0
  const osVersion = version === undefined ? undefined : parseOsVersion(version)
  if (!fits || (version !== undefined && osVersion === undefined)) throw invalid(text)
  const [first = '', second = '', third] = parts.map((part) => part.toLowerCase())
  const architectureFirst = isArchitecture(first)
  if (architectureFirst ? third !== undefined : second === '') throw invalid(text)
  const [os, architecture, variant] = architectureFirst ? ['linux', first, second] : [first, second, third]
  return normalisePlatform({
    os,
    architecture,
    ...(variant && { variant }),
    ...(osVersion !== undefined && { 'os.version': osVersion }),
  })
}

/** A platform's name out of a log or index.json: what another program wrote, or an image says of itself, may be none. */
export function readPlatform(name: string): Platform | undefined {
  try {
    return parsePlatform(name)
  } catch (error) {
    if (isHearthError(error, 'PLATFORM_INVALID')) return undefined
    throw error
  }
}

/** The inverse of {@link parsePlatform}, in canonical form: one word of ASCII. Features have no place in it. */
export function formatPlatform({ os, architecture, variant, 'os.version': osVersion }: Platform): string {
  return (
    [os, architecture, ...(variant ? [variant] : [])].join('/') + (osVersion ? `:${formatOsVersion(osVersion)}` : '')
  )
}

/** `process.platform` and `process.arch`, or another machine's. */
export interface HostPlatform {
  readonly platform: string
  readonly arch: string
}

/**
 * The platform a process runs on, from `process.platform` and `process.arch`. On macOS and Windows containers run in a
 * Linux machine more often than not, but what the user asked for is the host: say `--platform linux/…` there.
 */
export function hostPlatform({ platform, arch }: HostPlatform): Platform {
  // Node calls both byte orders ppc64; on Linux it exists for the little one alone.
  const architecture = arch === 'ppc64' && platform === 'linux' ? 'ppc64le' : arch
  return normalisePlatform({ os: platform, architecture })
}

/**
 * One spelling for each platform: arm64 means arm64/v8 and arm means arm/v7, as containerd has it; amd64/v1 is amd64.
 * The variants that are the default are kept for arm and left out elsewhere, so that equal platforms print equal.
 */
export function normalisePlatform(platform: Platform): Platform {
  const { variant: given, ...rest } = platform
  const { architecture, variant: implied } = architectureName(platform.architecture.toLowerCase())
  const variant = normaliseVariant(architecture, given?.toLowerCase() || implied)
  return {
    ...rest,
    os: systemName(platform.os.toLowerCase()),
    architecture,
    ...(variant !== undefined && { variant }),
  }
}

/**
 * The candidates that serve `wanted`, best first. An arm/v7 host also runs v6 and v5, an amd64/v3 host v2 and v1: a lower
 * variant is taken when the wanted one is not there, never a higher one, and never another architecture. Without an
 * os.version in `wanted` any will do, `10.0` also takes `10.0.17763`, and the first one listed wins, as in containerd.
 * Candidates that demand an OS feature nobody asked for come after those of the same variant that do not.
 */
export function rankPlatforms<T extends { readonly platform?: Platform }>(
  wanted: Platform,
  candidates: readonly T[],
): T[] {
  const target = normalisePlatform(wanted)
  const variants = runnableVariants(target)
  return candidates
    .map((candidate) => ({ candidate, rank: rankOf(candidate.platform, target, variants) }))
    .filter(({ rank }) => rank >= 0)
    .sort((a, b) => a.rank - b.rank)
    .map(({ candidate }) => candidate)
}

/** From a manifest's or config's JSON, as it stands there. @throws HearthError MANIFEST_INVALID naming the field. */
export function parsePlatformObject(value: unknown, where: string): Platform {
  const fields = parseFields(value, where, KNOWN_FIELDS)
  const part = (name: string, isPart = (text: string): boolean => PART.test(text)): string | undefined => {
    const field = fields[name]
    if (field === undefined || field === null || field === '') return undefined
    if (typeof field !== 'string' || !isPart(field)) throw invalidField(`${where}.${name}`, 'names no platform')
    return field
  }
  const variant = part('variant')
  const osVersion = part('os.version', isOsVersion)
  const features = parseFeatures(fields['os.features'], `${where}.os.features`)
  return {
    os: part('os') ?? 'unknown',
    architecture: part('architecture') ?? 'unknown',
    ...(variant !== undefined && { variant }),
    ...(osVersion !== undefined && { 'os.version': osVersion }),
    ...(features.length > 0 && { 'os.features': features }),
  }
}

function parseFeatures(value: unknown, where: string): readonly string[] {
  const list = value ?? []
  if (!Array.isArray(list)) throw invalidField(where, 'is not a list')
  return list.map((name: unknown, at) => {
    if (typeof name !== 'string') throw invalidField(`${where}[${at}]`, 'is not text')
    return name
  })
}

function normaliseVariant(architecture: string, given: string | undefined): string | undefined {
  const named = given !== undefined && /^\d/.test(given) ? `v${given}` : given
  if (architecture === 'arm64') return named?.replace(/^(v\d+)\.0$/, '$1') ?? 'v8'
  if (architecture === 'arm') return named ?? 'v7'
  if (architecture === 'amd64' && named === 'v1') return undefined
  return named
}

/** Variants that run on `wanted`, which is normalised, best first; `''` stands for none. */
function runnableVariants({ architecture, variant = '' }: Platform): readonly string[] {
  const [, major = '', minor = '0'] = /^v(\d{1,2})(?:\.(\d{1,2}))?$/.exec(variant) ?? []
  switch (major === '' ? 'other' : architecture) {
    case 'arm':
      return [variant, ...countDown(Number(major) - 1, 5).map((level) => `v${level}`)]
    case 'amd64':
      return [variant, ...countDown(Number(major) - 1, 2).map((level) => `v${level}`), '']
    case 'arm64':
      return [variant, ...lowerArm64(Number(major), Number(minor))]
    default:
      return [variant, '']
  }
}

/** Armv9.n contains Armv8.(n+5), and Armv8 ends with 8.9. */
function lowerArm64(major: number, minor: number): readonly string[] {
  const line = (from: number, of: number): string[] =>
    countDown(from, 0).map((step) => (step === 0 ? `v${of}` : `v${of}.${step}`))
  return [...line(minor - 1, major), ...(major === 9 ? line(Math.min(minor + 5, 9), 8) : [])]
}

function countDown(from: number, to: number): readonly number[] {
  return Array.from({ length: Math.max(0, from - to + 1) }, (_, step) => from - step)
}

function rankOf(candidate: Platform | undefined, target: Platform, variants: readonly string[]): number {
  if (candidate === undefined) return -1
  const { os, architecture, variant = '', ...details } = normalisePlatform(candidate)
  if (os !== target.os || architecture !== target.architecture || !variants.includes(variant)) return -1
  const { 'os.version': version, 'os.features': demanded = [] } = details
  const asked = target['os.version']
  if (asked !== undefined && version !== asked && !version?.startsWith(`${asked}.`)) return -1
  const unasked = demanded.some((feature) => !target['os.features']?.includes(feature))
  return 2 * variants.indexOf(variant) + (unasked ? 1 : 0)
}

function invalid(text: string): HearthError {
  const found = quote(text)
  return new HearthError('PLATFORM_INVALID', `not a platform: ${found} (os/arch[/variant][:osversion])`, { found })
}
