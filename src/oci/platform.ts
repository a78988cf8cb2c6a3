import { HearthError } from '../errors.js'

/** Spec: image-spec v1.1 image-index.md "platform". */
export interface Platform {
  readonly os: string
  readonly architecture: string
  readonly variant?: string
  readonly 'os.version'?: string
  readonly 'os.features'?: readonly string[]
}

const COMPONENT = /^[a-z0-9_.-]{1,64}$/
const OS_VERSION = /^[A-Za-z0-9_.+-]{1,64}$/

/** Names that people type or that uname prints, to Go's GOARCH. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  'x86-64': 'amd64',
  x64: 'amd64',
  aarch64: 'arm64',
  armhf: 'arm',
  i386: '386',
  i686: '386',
  ia32: '386',
  ppc64el: 'ppc64le',
}
const KNOWN_ARCHITECTURES = new Set([
  ...['386', 'amd64', 'arm', 'arm64', 'loong64', 'mips', 'mips64', 'mips64le', 'mipsle', 'ppc64', 'ppc64le'],
  ...['riscv64', 's390x', 'wasm'],
])
/** Process.platform to GOOS, where they differ. */
const SYSTEMS: Readonly<Record<string, string>> = { win32: 'windows', macos: 'darwin', sunos: 'solaris' }

/**
 * Parses what a user types. `linux` is assumed when only an architecture is given.
 *
 *     platform ::= [ os "/" ] architecture [ "/" variant ] [ ":" os-version ]
 *
 * @throws HearthError PLATFORM_INVALID
 */
export function parsePlatform(text: string): Platform {
  const [names = '', osVersion, ...rest] = text.split(':')
  const parts = names.toLowerCase().split('/')
  const fits = parts.length <= 3 && parts.every((part) => COMPONENT.test(part)) && rest.length === 0
  if (!fits || (osVersion !== undefined && !OS_VERSION.test(osVersion))) throw invalid(text)
  const architectureFirst = parts.length === 1 || (parts.length === 2 && isArchitecture(parts[0] ?? ''))
  const [os = '', architecture = '', variant] = architectureFirst ? ['linux', ...parts] : parts
  if (parts.length === 1 && !isArchitecture(architecture)) throw invalid(text)
  return normalisePlatform({
    os,
    architecture,
    ...(variant !== undefined && { variant }),
    ...(osVersion !== undefined && { 'os.version': osVersion }),
  })
}

/** The inverse of {@link parsePlatform}, in canonical form. */
export function formatPlatform({ os, architecture, variant, 'os.version': osVersion }: Platform): string {
  return [os, architecture, ...(variant ? [variant] : [])].join('/') + (osVersion ? `:${osVersion}` : '')
}

/**
 * The platform a process runs on, from `process.platform` and `process.arch`. On macOS and Windows containers run in a
 * Linux machine more often than not, but what the user asked for is the host: say `--platform linux/…` there.
 */
export function hostPlatform(host: { readonly platform: string; readonly arch: string }): Platform {
  return normalisePlatform({ os: host.platform, architecture: host.arch })
}

/**
 * One spelling for each platform: arm64 means arm64/v8 and arm means arm/v7, as containerd has it; amd64/v1 is amd64.
 * The variants that are the default are kept for arm and left out elsewhere, so that equal platforms print equal.
 */
export function normalisePlatform(platform: Platform): Platform {
  const { variant: given, ...rest } = platform
  const os = SYSTEMS[platform.os] ?? platform.os
  const architecture = ARCHITECTURES[platform.architecture] ?? platform.architecture
  const variant = normaliseVariant(architecture, given)
  return { ...rest, os, architecture, ...(variant !== undefined && { variant }) }
}

/**
 * The candidates that serve `wanted`, best first. An arm/v7 host also runs v6 and v5, an amd64/v3 host v2 and v1: a lower
 * variant is taken when the wanted one is not there, never a higher one. Without an os.version in `wanted` any will do,
 * the first one listed wins, as in containerd.
 */
export function rankPlatforms<T extends { readonly platform?: Platform }>(
  wanted: Platform,
  candidates: readonly T[],
): T[] {
  const order = fallbackVariants(normalisePlatform(wanted))
  return candidates
    .map((candidate) => ({ candidate, rank: rankOf(wanted, order, candidate.platform) }))
    .filter(({ rank }) => rank >= 0)
    .sort((a, b) => a.rank - b.rank)
    .map(({ candidate }) => candidate)
}

/** From a manifest's or config's JSON. @throws HearthError MANIFEST_INVALID naming the field. */
export function parsePlatformObject(value: unknown, where: string): Platform {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new HearthError('MANIFEST_INVALID', `${where} is not an object`, { where })
  }
  const fields = value as Record<string, unknown>
  const text = (name: string): string | undefined => {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined
    if (field === undefined || field === null || field === '') return undefined
    if (typeof field !== 'string' || field.length > 255) {
      throw new HearthError('MANIFEST_INVALID', `${where}.${name} is no text`, { where: `${where}.${name}` })
    }
    return field
  }
  const variant = text('variant')
  const osVersion = text('os.version')
  const features = fields['os.features']
  return {
    os: text('os') ?? 'unknown',
    architecture: text('architecture') ?? 'unknown',
    ...(variant !== undefined && { variant }),
    ...(osVersion !== undefined && { 'os.version': osVersion }),
    ...(Array.isArray(features) && { 'os.features': features.filter((name) => typeof name === 'string') }),
  }
}

function isArchitecture(name: string): boolean {
  return KNOWN_ARCHITECTURES.has(ARCHITECTURES[name] ?? name)
}

function normaliseVariant(architecture: string, variant: string | undefined): string | undefined {
  const named = variant === undefined || variant === '' ? undefined : /^\d/.test(variant) ? `v${variant}` : variant
  if (architecture === 'arm64') return named ?? 'v8'
  if (architecture === 'arm') return named ?? 'v7'
  if (architecture === 'amd64' && named === 'v1') return undefined
  return named
}

/** Variants that run on `wanted`, best first; `''` stands for none. */
function fallbackVariants({ architecture, variant = '' }: Platform): readonly string[] {
  const level = Number(/^v(\d{1,2})$/.exec(variant)?.[1] ?? Number.NaN)
  const lowest = { arm: 5, arm64: 8, amd64: 2 }[architecture]
  if (lowest === undefined || Number.isNaN(level)) return [variant]
  const levels = Array.from({ length: Math.max(0, level - lowest + 1) }, (_, step) => `v${level - step}`)
  return architecture === 'amd64' ? [...levels, ''] : levels
}

function rankOf(wanted: Platform, variants: readonly string[], candidate: Platform | undefined): number {
  if (candidate === undefined) return -1
  const { os, architecture, variant = '', 'os.version': osVersion } = normalisePlatform(candidate)
  const target = normalisePlatform(wanted)
  if (os !== target.os || architecture !== target.architecture) return -1
  const asked = target['os.version']
  if (asked !== undefined && osVersion !== asked && !osVersion?.startsWith(`${asked}.`)) return -1
  return variants.indexOf(variant)
}

function invalid(text: string): HearthError {
  return new HearthError(
    'PLATFORM_INVALID',
    `not a platform: ${JSON.stringify(text.slice(0, 100))} (os/arch[/variant][:osversion], for example linux/arm64)`,
    { found: text.slice(0, 100) },
  )
}
