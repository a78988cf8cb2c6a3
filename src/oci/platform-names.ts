/** What people type, uname prints or Node reports, to Go's GOARCH, with the variant where the name implies one. */
const ARCHITECTURES: ReadonlyMap<string, string> = new Map([
  ['x86_64', 'amd64'],
  ['x86-64', 'amd64'],
  ['x64', 'amd64'],
  ['aarch64', 'arm64'],
  ['armhf', 'arm/v7'],
  ['armel', 'arm/v6'],
  ['armv6l', 'arm/v6'],
  ['armv7l', 'arm/v7'],
  ['armv8l', 'arm/v8'],
  ['i386', '386'],
  ['i686', '386'],
  ['ia32', '386'],
  ['ppc64el', 'ppc64le'],
  ['mipsel', 'mipsle'],
])

const KNOWN_ARCHITECTURES: ReadonlySet<string> = new Set([
  ...['386', 'amd64', 'arm', 'arm64', 'loong64', 'mips', 'mips64', 'mips64le', 'mipsle', 'ppc64', 'ppc64le'],
  ...['riscv64', 's390x', 'wasm'],
])

/** `process.platform` and everyday names to GOOS, where they differ. */
const SYSTEMS: ReadonlyMap<string, string> = new Map([
  ['win32', 'windows'],
  ['macos', 'darwin'],
  ['sunos', 'solaris'],
])

/** GOOS for any usual name of an operating system; other names as they are. */
export function systemName(name: string): string {
  return SYSTEMS.get(name) ?? name
}

/** GOARCH for any usual name of an architecture, and the variant that the name implies; other names as they are. */
export function architectureName(name: string): {
  readonly architecture: string
  readonly variant: string | undefined
} {
  const [architecture = name, variant] = (ARCHITECTURES.get(name) ?? name).split('/')
  return { architecture, variant }
}

/** Whether this is an architecture under any usual name, so that no operating system stands in front of it. */
export function isArchitecture(name: string): boolean {
  return KNOWN_ARCHITECTURES.has(architectureName(name).architecture)
}
